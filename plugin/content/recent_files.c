/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that changed last; see recent_files.h.
 *
 * The guest's clock counts for nothing but the order: if it lies, other files
 * come first, and nothing else happens.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "plugin/content/recent_files.h"

struct candidate {
    int64_t changed;
    uint64_t place;             /* of the first extent, bytes */
    uint64_t bytes;
    uint32_t file;
};

static int by_place(const void *x, const void *y)
{
    const struct candidate *a = x, *b = y;

    return (a->place > b->place) - (a->place < b->place);
}

/* Files of one moment by their place: that is quick to read. */
static int newest_first(const void *x, const void *y)
{
    const struct candidate *a = x, *b = y;

    if (a->changed != b->changed)
        return a->changed < b->changed ? 1 : -1;
    return by_place(x, y);
}

static uint64_t bytes_of(const struct fsparse_file *f)
{
    uint64_t bytes = 0;
    size_t i;

    for (i = 0; i < f->n_extents; i++)
        bytes += f->extents[i].length;
    return bytes;
}

/* Puts the newest in front, not more than most, in list, which has room for
 * twice as many.  Returns how many. */
static size_t find_newest(const struct manifest *m, size_t most,
                          struct candidate *list)
{
    const struct fsparse_file *f;
    size_t i, n = 0;

    for (i = 0; i < m->n_files; i++) {
        f = &m->map->files[i];
        if (m->files[i].zero || f->n_extents == 0)
            continue;
        list[n++] = (struct candidate){ f->changed, f->extents->physical,
                                        bytes_of(f), i };
        if (n < 2 * most)
            continue;
        qsort(list, n, sizeof(*list), newest_first);
        n = most;
    }
    qsort(list, n, sizeof(*list), newest_first);
    return n < most ? n : most;
}

/* Leaves out those for which there is no room any more. */
static size_t limit(struct candidate *list, size_t n, uint64_t bytes)
{
    size_t i, kept = 0;

    for (i = 0; i < n; i++) {
        if (list[i].bytes > bytes)
            continue;
        bytes -= list[i].bytes;
        list[kept++] = list[i];
    }
    return kept;
}

int recent_files(const struct manifest *m, size_t most, uint64_t bytes,
                 uint32_t **files_r, size_t *n_r)
{
    struct candidate *list = calloc(2 * most, sizeof(*list));
    uint32_t *files = calloc(most, sizeof(*files));
    size_t n, i;

    if (!list || !files) {
        free(list);
        free(files);
        return -ENOMEM;
    }
    n = limit(list, find_newest(m, most, list), bytes);
    qsort(list, n, sizeof(*list), by_place);
    for (i = 0; i < n; i++)
        files[i] = list[i].file;
    free(list);
    *files_r = files;
    *n_r = n;
    return 0;
}
