/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pieces of work that hashing threads take; see spans.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "plugin/base/log.h"
#include "plugin/content/recent_files.h"
#include "plugin/content/spans.h"

/* Files that come first, and bytes of them: what a line of 100 Mbit/s takes a
 * second or two for if all of it has to be sent.  A slow disk has to seek for
 * each. */
#define RECENT_FILES 1024
#define RECENT_BYTES (32u << 20)
#define RECENT_AT_ONCE 16

struct spans {
    const struct manifest *m;
    bool files_only;
    size_t *first;              /* per file: the first of its regions, if it
                                   has any */
    bool *is_recent;            /* per file: it comes first, and not with its
                                   region */
    uint32_t *recent;           /* the files that come first */
    size_t n_recent, next_recent;
    uint64_t bytes;             /* to be read, all together */
    size_t next;                /* region of the cursor; n_regions: at end */
    uint64_t offset;            /* of the cursor, in that region */
    uint64_t asked;             /* to here the kernel was asked to read ahead */
    uint64_t taken;             /* spans */
};

bool spans_is_raw(const struct spans *s, size_t i)
{
    const struct fsparse_region *r = &s->m->map->regions[i];

    return r->kind == FSPARSE_RESIDUAL ||
           (r->kind == FSPARSE_FILE && s->m->files[r->file].unusable);
}

bool spans_wants(const struct spans *s, size_t i, uint64_t offset)
{
    const struct fsparse_region *r = &s->m->map->regions[i];

    if (spans_is_raw(s, i))
        return !s->files_only;
    return r->kind == FSPARSE_FILE && !s->is_recent[r->file] &&
           s->first[r->file] == i && r->offset == offset;
}

bool spans_is_of_later_file(const struct spans *s, size_t i, size_t from)
{
    const struct fsparse_region *r = &s->m->map->regions[i];

    return r->kind == FSPARSE_FILE && !s->is_recent[r->file] &&
           s->first[r->file] >= from;
}

uint64_t spans_bytes(const struct spans *s)
{
    return s->bytes;
}

/* Moves the cursor to the next place that is wanted, at offset or after it. */
static void move_cursor(struct spans *s, uint64_t offset)
{
    const struct fsparse_map *map = s->m->map;

    for (; s->next < map->n_regions; s->next++) {
        const struct fsparse_region *r = &map->regions[s->next];

        if (r->offset + r->length <= offset)
            continue;
        s->offset = r->offset > offset ? r->offset : offset;
        if (spans_wants(s, s->next, s->offset))
            break;
    }
}

/* Finds every file's first region and counts what is to be read. */
static void find_first(struct spans *s)
{
    const struct fsparse_map *map = s->m->map;
    size_t i;

    for (i = map->n_regions; i-- > 0;) {
        const struct fsparse_region *r = &map->regions[i];

        if (spans_is_raw(s, i) ? !s->files_only : r->kind == FSPARSE_FILE)
            s->bytes += r->length;
        if (r->kind == FSPARSE_FILE)
            s->first[r->file] = i;
    }
}

static int find_recent(struct spans *s)
{
    size_t i;
    int rc = recent_files(s->m, RECENT_FILES, RECENT_BYTES, &s->recent,
                          &s->n_recent);

    for (i = 0; i < s->n_recent; i++)
        s->is_recent[s->recent[i]] = true;
    return rc;
}

int spans_new(struct spans **s_r, const struct manifest *m,
              const struct manifest_options *opt)
{
    struct spans *s = calloc(1, sizeof(*s));
    size_t n = m->map->n_files;
    int rc = 0;

    if (!s)
        return -ENOMEM;
    s->m = m;
    s->files_only = opt->files_only;
    s->first = calloc(n + 1, sizeof(*s->first));
    s->is_recent = calloc(n + 1, sizeof(*s->is_recent));
    if (!s->first || !s->is_recent) {
        log_error("no memory for a list of %zu files", n);
        spans_free(s);
        return -ENOMEM;
    }
    find_first(s);
    if (opt->recent_first)
        rc = find_recent(s);
    if (rc) {
        spans_free(s);
        return rc;
    }
    move_cursor(s, 0);
    *s_r = s;
    return 0;
}

void spans_free(struct spans *s)
{
    if (!s)
        return;
    free(s->first);
    free(s->is_recent);
    free(s->recent);
    free(s);
}

/* Files that come first, if there are still some. */
static bool take_recent(struct spans *s, struct span *span)
{
    size_t left = s->n_recent - s->next_recent;

    if (left == 0)
        return false;
    span->recent = s->recent + s->next_recent;
    span->n_recent = left < RECENT_AT_ONCE ? left : RECENT_AT_ONCE;
    s->next_recent += span->n_recent;
    return true;
}

static bool take_next(struct spans *s, struct span *span)
{
    const struct fsparse_map *map = s->m->map;

    if (s->next == map->n_regions)
        return false;
    span->region = s->next;
    span->start = s->offset;
    span->end = (span->start | (RAW_OBJECT_MAX - 1)) + 1;
    if (span->end > map->image_size)
        span->end = map->image_size;
    move_cursor(s, span->end);
    span->ahead = s->offset > s->asked ? s->offset : s->asked;
    span->ahead_end = s->offset + SPAN_READ_AHEAD;
    s->asked = span->ahead_end;
    return true;
}

bool spans_take(struct spans *s, struct span *span)
{
    *span = (struct span){ 0 };
    if (!take_recent(s, span) && !take_next(s, span))
        return false;
    span->number = s->taken++;
    return true;
}
