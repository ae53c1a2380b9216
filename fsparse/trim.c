/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trim: what of the files lies on holes of the image.
 *
 * Such bytes are zeros that need not be read, and a content is zero where no
 * extent lies: so they are taken out of the files' extents.  A guest's file of
 * many gigabytes of zeros in an image that was made sparse then costs nothing.
 */
#include "config.h"

#include <stdlib.h>

#include "fsparse/build.h"
#include "fsparse/holes.h"

/* Holes that are shorter, and part the bytes of a file, are left in it: an
 * extent more costs more than to read them. */
#define TRIM_LEAST 65536u

struct trim {
    struct build *b;
    struct holes holes;
    uint64_t trimmed;           /* bytes */
};

static struct fsparse_region part_of(const struct fsparse_region *r,
                                     uint64_t from, uint64_t to)
{
    struct fsparse_region part = *r;

    part.offset = from;
    part.length = to - from;
    part.logical = r->logical + (from - r->offset);
    return part;
}

static int lay_hole(struct trim *t, uint64_t from, uint64_t to)
{
    const struct fsparse_region hole = { .offset = from, .length = to - from,
                                         .kind = FSPARSE_HOLE };

    t->trimmed += to - from;
    return build_lay(t->b, &hole);
}

/* Lays a file's region without the holes in it. */
static int lay_trimmed(struct trim *t, const struct fsparse_region *r)
{
    const uint64_t end = r->offset + r->length;
    uint64_t done = r->offset, at, from, to;
    struct fsparse_region part;
    int rc = 0;

    for (at = done; at < end && !rc; at = to) {
        holes_find(&t->holes, at);
        from = t->holes.start > at ? t->holes.start : at;
        to = t->holes.end < end ? t->holes.end : end;
        if (from >= end || (to - from < TRIM_LEAST && to - from < r->length))
            continue;
        part = part_of(r, done, from);
        if (part.length > 0)
            rc = build_lay(t->b, &part);
        if (!rc)
            rc = lay_hole(t, from, to);
        done = to;
    }
    part = part_of(r, done, end);
    return rc || !part.length ? rc : build_lay(t->b, &part);
}

int trim_holes(struct build *b, int fd)
{
    struct trim t = { .b = b };
    struct fsparse_region *before = b->regions;
    size_t i, n = b->n_regions;
    int rc = 0;

    holes_init(&t.holes, fd, b->map.image_size);
    holes_find(&t.holes, 0);
    if (t.holes.start == UINT64_MAX)
        return 0;
    b->regions = NULL;
    b->n_regions = b->cap_regions = 0;
    for (i = 0; i < n && !rc; i++)
        rc = before[i].kind == FSPARSE_FILE ? lay_trimmed(&t, &before[i]) :
            build_lay(b, &before[i]);
    free(before);
    return !rc && t.trimmed > 0 ? build_follow(b, false) : rc;
}
