/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intake: from the parser's records to partitions, files and extents.
 *
 * The parser works for the guest as soon as the guest has broken into it, so
 * nothing in a record is believed: lengths and counts are bounded, strings
 * have no NUL, extents are cut to the file's size and to the partition, which
 * lies inside the image, and ascend by logical offset.  What two files claim
 * both is cover's business.
 *
 * Nor does the parser choose how much memory its answer takes.  What a record
 * costs, here and later in cover and gaps, is counted before it is taken.
 * There may be as much as the file systems that mke2fs and Windows make of an
 * image of that size need, with room to spare, and there is an end to that.  An
 * answer that is larger is not used at all.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fsparse/build.h"

/* Bytes of memory: some, a share of the image, and no more than the last.  One
 * file to each 16 KiB, as mke2fs provides for, takes half of the share. */
#define MEMORY_LEAST ((uint64_t)64 << 20)
#define MEMORY_SHARE 16
#define MEMORY_MOST ((uint64_t)1 << 30)

/* What an honest file or extent takes of the image at least: an attribute of
 * an NTFS record, an inode and its name; the smallest cluster. */
#define FILE_IMAGE_BYTES 32
#define EXTENT_IMAGE_BYTES 512
/* Far fewer than the u32 that regions name files by and that cover sorts
 * extents by could count, since each has its cost. */

/* Arrays have room for half as much again.  An extent becomes a region and
 * may leave another one after it; cover numbers extents three times and
 * regions once, and makes the extents anew.  Of a file, gaps takes its size
 * and gives it another number. */
#define ARRAY_COST(type) (sizeof(type) * 3 / 2)
#define EXTENT_COST (ARRAY_COST(struct fsparse_extent) + \
                     sizeof(struct fsparse_extent) + \
                     2 * ARRAY_COST(struct fsparse_region) + \
                     5 * sizeof(uint32_t))
#define FILE_COST (ARRAY_COST(struct fsparse_file) + 5 * sizeof(uint32_t))

#define PARSER_FLAGS (FSPARSE_INLINE | FSPARSE_COMPRESSED | \
                      FSPARSE_ENCRYPTED | FSPARSE_CUT | FSPARSE_PUBLIC)

static uint64_t memory_limit(const struct build *b)
{
    uint64_t limit = MEMORY_LEAST + b->map.image_size / MEMORY_SHARE;

    return limit < MEMORY_MOST ? limit : MEMORY_MOST;
}

static int charge(struct build *b, uint64_t bytes)
{
    b->memory += bytes;
    return b->memory > memory_limit(b) ? -EFBIG : 0;
}

/* Of what was said, nothing is known any more. */
static void forget(struct build *b)
{
    free(b->free);
    free(b->extents);
    free(b->files);
    free(b->partitions);
    arena_release(&b->arena);
    b->free = NULL;
    b->extents = NULL;
    b->files = NULL;
    b->partitions = NULL;
    b->n_free = b->cap_free = 0;
    b->n_extents = b->cap_extents = 0;
    b->n_files = b->cap_files = 0;
    b->n_partitions = b->cap_partitions = 0;
    b->map.note = "";
}

int build_note(struct build *b, const char **note_r, const char *text)
{
    char both[2 * RECORD_STRING_MAX];
    const char *copy;

    snprintf(both, sizeof(both), "%s%s%s", *note_r, **note_r ? "; " : "",
             text);
    copy = arena_copy(&b->arena, both, strlen(both));
    if (!copy)
        return -ENOMEM;
    *note_r = copy;
    return 0;
}

static int take_string(struct build *b, struct record_cursor *c, size_t max,
                       const char **s_r)
{
    size_t length;
    const char *s = record_string(c, max, &length);

    if (c->bad)
        return -EBADMSG;
    if (charge(b, length + 1))
        return -EFBIG;
    *s_r = length ? arena_copy(&b->arena, s, length) : "";
    return *s_r ? 0 : -ENOMEM;
}

static int take_partition(struct build *b, struct record_cursor *c)
{
    struct fsparse_partition p = { .note = "", .doubt = "" };
    int rc;

    p.number = record_u32(c);
    p.start = record_u64(c);
    p.length = record_u64(c);
    rc = take_string(b, c, RECORD_STRING_MAX, &p.scheme);
    if (!rc)
        rc = take_string(b, c, RECORD_STRING_MAX, &p.type);
    if (!rc)
        rc = take_string(b, c, RECORD_STRING_MAX, &p.fstype);
    if (!rc)
        rc = take_string(b, c, RECORD_STRING_MAX, &p.label);
    if (rc)
        return rc;
    if (c->left || b->n_partitions == RECORD_PARTITIONS_MAX ||
        p.start > b->map.image_size ||
        p.length > b->map.image_size - p.start)
        return -EBADMSG;
    rc = array_grow((void **)&b->partitions, b->n_partitions,
                    &b->cap_partitions, sizeof(p));
    if (!rc)
        b->partitions[b->n_partitions++] = p;
    return rc;
}

static int take_inline(struct build *b, struct record_cursor *c,
                       struct fsparse_file *f)
{
    const void *data;

    if (!(f->flags & FSPARSE_INLINE))
        return c->left ? -EBADMSG : 0;
    if (f->size > RECORD_INLINE_MAX || c->left != f->size)
        return -EBADMSG;
    if (charge(b, f->size + 1))
        return -EFBIG;
    data = record_bytes(c, c->left);
    f->inline_data = (uint8_t *)arena_copy(&b->arena, data, f->size);
    return f->inline_data ? 0 : -ENOMEM;
}

static int take_file(struct build *b, struct record_cursor *c)
{
    struct fsparse_file f = { .partition = record_u32(c) };
    int rc;

    f.flags = record_u32(c);
    f.inode = record_u64(c);
    f.size = record_u64(c);
    f.changed = (int64_t)record_u64(c);
    rc = take_string(b, c, RECORD_PATH_MAX, &f.path);
    if (!rc)
        rc = take_string(b, c, RECORD_STRING_MAX, &f.stream);
    if (rc)
        return rc;
    if (f.partition >= b->n_partitions || f.size > INT64_MAX ||
        f.flags & ~(unsigned)PARSER_FLAGS ||
        (f.path[0] != '/' && f.path[0] != '<'))
        return -EBADMSG;
    if (b->n_files > b->map.image_size / FILE_IMAGE_BYTES ||
        charge(b, FILE_COST))
        return -EFBIG;
    rc = take_inline(b, c, &f);
    if (rc)
        return rc;
    b->last_end = 0;
    rc = array_grow((void **)&b->files, b->n_files, &b->cap_files,
                    sizeof(f));
    if (!rc)
        b->files[b->n_files++] = f;
    return rc;
}

/* Removes the first n bytes; n <= length. */
static void extent_trim(struct fsparse_extent *x, uint64_t n)
{
    x->logical += n;
    x->physical += n;
    x->length -= n;
}

/* Cuts x to what the file may have.  Slack beyond the end of the file is
 * normal; whatever else goes is worth a flag. */
static void extent_cut(const struct build *b, struct fsparse_file *f,
                       struct fsparse_extent *x)
{
    const struct fsparse_partition *p = &b->partitions[f->partition];
    uint64_t end = p->start + p->length;
    uint64_t before, skip = 0;

    if (x->logical >= f->size)
        x->length = 0;
    else if (x->length > f->size - x->logical)
        x->length = f->size - x->logical;
    before = x->length;
    if (x->logical < b->last_end)
        skip = b->last_end - x->logical;
    if (x->physical < p->start && p->start - x->physical > skip)
        skip = p->start - x->physical;
    if (skip >= x->length || x->physical + skip >= end ||
        x->physical + skip < skip) {
        x->length = 0;
    } else {
        extent_trim(x, skip);
        if (x->length > end - x->physical)
            x->length = end - x->physical;
    }
    if (x->length != before)
        f->flags |= FSPARSE_CUT;
}

static int extent_add(struct build *b, struct fsparse_file *f,
                      const struct fsparse_extent *x)
{
    struct fsparse_extent *last;
    int rc;

    b->last_end = x->logical + x->length;
    if (f->n_extents) {
        last = &b->extents[b->n_extents - 1];
        if (last->logical + last->length == x->logical &&
            last->physical + last->length == x->physical) {
            last->length += x->length;
            return 0;
        }
    }
    if (b->n_extents > b->map.image_size / EXTENT_IMAGE_BYTES ||
        charge(b, EXTENT_COST))
        return -EFBIG;
    rc = array_grow((void **)&b->extents, b->n_extents, &b->cap_extents,
                    sizeof(*x));
    if (rc)
        return rc;
    b->extents[b->n_extents++] = *x;
    f->n_extents++;
    return 0;
}

static int take_extents(struct build *b, struct record_cursor *c)
{
    struct fsparse_file *f = b->n_files ? &b->files[b->n_files - 1] : NULL;

    if (!f || f->flags & FSPARSE_INLINE ||
        c->left % sizeof(struct fsparse_extent) ||
        c->left / sizeof(struct fsparse_extent) > RECORD_EXTENTS_MAX)
        return -EBADMSG;
    while (c->left) {
        struct fsparse_extent x = { .logical = record_u64(c) };
        int rc;

        x.physical = record_u64(c);
        x.length = record_u64(c);
        extent_cut(b, f, &x);
        if (!x.length)
            continue;
        rc = extent_add(b, f, &x);
        if (rc)
            return rc;
    }
    return 0;
}

static int take_flags(struct build *b, struct record_cursor *c)
{
    uint32_t flags = record_u32(c);

    /* Only this one can be known late. */
    if (c->bad || c->left || flags != FSPARSE_CUT || !b->n_files)
        return -EBADMSG;
    b->files[b->n_files - 1].flags |= flags;
    return 0;
}

static int take_text(struct build *b, struct record_cursor *c, bool doubt)
{
    uint32_t partition = record_u32(c);
    struct fsparse_partition *p;
    const char *text;
    int rc;

    rc = take_string(b, c, RECORD_STRING_MAX, &text);
    if (rc)
        return rc;
    if (c->left || partition >= b->n_partitions)
        return -EBADMSG;
    p = &b->partitions[partition];
    /* It is copied together with what was there, which has an end. */
    if (charge(b, 2 * RECORD_STRING_MAX))
        return -EFBIG;
    return build_note(b, doubt ? &p->doubt : &p->note, text);
}

static int take_parsed(struct build *b, struct record_cursor *c)
{
    uint32_t partition = record_u32(c);

    if (c->bad || c->left || partition >= b->n_partitions)
        return -EBADMSG;
    b->partitions[partition].parsed = true;
    return 0;
}

/* One range; all of them are looked at in the end. */
static int take_free(struct build *b, struct record_cursor *c)
{
    uint32_t partition = record_u32(c);
    uint64_t start = record_u64(c), length = record_u64(c);
    const struct fsparse_partition *p;

    if (c->bad || c->left || partition >= b->n_partitions)
        return -EBADMSG;
    p = &b->partitions[partition];
    if (!length || start > p->length || length > p->length - start)
        return -EBADMSG;
    if (b->n_free > b->map.image_size / EXTENT_IMAGE_BYTES ||
        charge(b, ARRAY_COST(struct fsparse_range)))
        return -EFBIG;
    if (array_grow((void **)&b->free, b->n_free, &b->cap_free,
                   sizeof(*b->free)))
        return -ENOMEM;
    b->free[b->n_free++] = (struct fsparse_range){ p->start + start, length };
    return 0;
}

static int by_offset(const void *a, const void *b)
{
    const struct fsparse_range *x = a, *y = b;

    return (x->offset > y->offset) - (x->offset < y->offset);
}

static bool is_disjoint(const struct fsparse_range *list, size_t n)
{
    size_t i;

    for (i = 1; i < n; i++)
        if (list[i].offset < list[i - 1].offset + list[i - 1].length)
            return false;
    return true;
}

static bool is_in_file(const struct build *b)
{
    size_t i = 0, r;

    for (r = 0; r < b->n_regions && i < b->n_free; r++) {
        const struct fsparse_region *g = &b->regions[r];

        if (g->kind != FSPARSE_FILE)
            continue;
        while (i < b->n_free &&
               b->free[i].offset + b->free[i].length <= g->offset)
            i++;
        if (i < b->n_free && b->free[i].offset < g->offset + g->length)
            return true;
    }
    return false;
}

/* Whether something of [from, to) is free. */
static bool is_free_within(const struct build *b, uint64_t from, uint64_t to)
{
    size_t low = 0, high = b->n_free, middle;

    while (low < high) {
        middle = low + (high - low) / 2;
        if (b->free[middle].offset + b->free[middle].length <= from)
            low = middle + 1;
        else
            high = middle;
    }
    return from < to && low < b->n_free && b->free[low].offset < to;
}

/* What two partitions have is neither's. */
static bool is_in_two(const struct build *b)
{
    size_t i, k;

    for (i = 1; i < b->n_partitions; i++)
        for (k = 0; k < i; k++) {
            const struct fsparse_partition *p = &b->partitions[i];
            const struct fsparse_partition *q = &b->partitions[k];
            uint64_t p_end = p->start + p->length;
            uint64_t q_end = q->start + q->length;

            if (is_free_within(b, p->start > q->start ? p->start : q->start,
                               p_end < q_end ? p_end : q_end))
                return true;
        }
    return false;
}

int intake_check_free(struct build *b, bool complete)
{
    int rc = 0;

    if (b->n_free && complete) {
        qsort(b->free, b->n_free, sizeof(*b->free), by_offset);
        if (is_disjoint(b->free, b->n_free) && !is_in_file(b) &&
            !is_in_two(b))
            return 0;
        rc = build_note(b, &b->map.note, "free space that is in use");
    }
    b->n_free = 0;
    return rc;
}

static int take_record(struct build *b, uint32_t type,
                       struct record_cursor *c)
{
    switch (type) {
    case RECORD_PARTITION:
        return take_partition(b, c);
    case RECORD_FILE:
        return take_file(b, c);
    case RECORD_EXTENTS:
        return take_extents(b, c);
    case RECORD_FLAGS:
        return take_flags(b, c);
    case RECORD_NOTE:
        return take_text(b, c, false);
    case RECORD_DOUBT:
        return take_text(b, c, true);
    case RECORD_PARSED:
        return take_parsed(b, c);
    case RECORD_FREE:
        return take_free(b, c);
    case RECORD_END:
        return c->left ? -EBADMSG : 1;
    default:
        return -EBADMSG;
    }
}

int intake_record(struct build *b, uint32_t type, const void *payload,
                  size_t length)
{
    struct record_cursor c = { .next = payload, .left = length };
    int rc = -EFBIG;

    /* What costs no memory still takes time. */
    b->received += sizeof(struct record_header) + length;
    if (b->received <= memory_limit(b))
        rc = take_record(b, type, &c);
    if (rc == -EFBIG)
        forget(b);
    return rc;
}

int intake_note_left_out(struct build *b)
{
    char text[80];
    size_t i;

    for (i = 0; i < b->n_partitions; i++) {
        if (!b->left_out[i])
            continue;
        snprintf(text, sizeof(text), "%u files of too many zeros left out",
                 b->left_out[i]);
        if (build_note(b, &b->partitions[i].note, text))
            return -ENOMEM;
    }
    return 0;
}
