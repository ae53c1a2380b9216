/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Gaps: which files stay although they have zeros that no extent covers.
 *
 * A sparse file is as cheap for a guest as its content is dear for whoever
 * hashes it: 16 TiB of zeros in one inode.  All files together may have no
 * more such bytes than the image has.  They are given to those files first
 * that need the least, so that one file with a huge hole does not cost the
 * many that have small ones; what is left out has been claimed for nothing
 * and is residual.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "fsparse/build.h"

#define GONE UINT32_MAX         /* a file that is left out */

struct gap {
    uint64_t bytes;
    uint32_t file;
};

/* Of equal ones, the first that was delivered. */
static int by_bytes(const void *a, const void *b)
{
    const struct gap *x = a, *y = b;

    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    return x->file < y->file ? -1 : x->file > y->file;
}

/* Bytes of the file's content that are in no extent. */
static uint64_t gap_of(const struct fsparse_file *f,
                       const struct fsparse_extent *x)
{
    uint64_t bytes = f->flags & FSPARSE_INLINE ? 0 : f->size;
    size_t i;

    for (i = 0; i < f->n_extents; i++)
        bytes -= x[i].length;
    return bytes;
}

/* Fills in gaps, one a file.  Returns whether they are more than allowed. */
static bool find_gaps(const struct build *b, struct gap *gaps)
{
    const struct fsparse_extent *x = b->extents;
    uint64_t left = b->map.image_size;
    bool enough = true;
    size_t f;

    for (f = 0; f < b->n_files; x += b->files[f].n_extents, f++) {
        gaps[f].file = (uint32_t)f;
        gaps[f].bytes = gap_of(&b->files[f], x);
        enough = enough && gaps[f].bytes <= left;
        if (enough)
            left -= gaps[f].bytes;
    }
    return !enough;
}

/* Marks those that go in remap.  The order of gaps is lost. */
static void choose(struct build *b, struct gap *gaps, uint32_t *remap)
{
    uint64_t left = b->map.image_size;
    size_t i;

    qsort(gaps, b->n_files, sizeof(*gaps), by_bytes);
    for (i = 0; i < b->n_files && gaps[i].bytes <= left; i++)
        left -= gaps[i].bytes;
    for (; i < b->n_files; i++) {
        remap[gaps[i].file] = GONE;
        b->left_out[b->files[gaps[i].file].partition]++;
    }
}

/* Takes the files that go out of the list; remap gets the others' new
 * indices. */
static void files_drop(struct build *b, uint32_t *remap)
{
    size_t f, i, from = 0, to = 0, kept = 0;

    for (f = 0; f < b->n_files; f++) {
        struct fsparse_file *file = &b->files[f];
        size_t n = file->n_extents;

        if (remap[f] != GONE) {
            for (i = 0; i < n; i++)
                b->extents[to++] = b->extents[from + i];
            remap[f] = (uint32_t)kept;
            b->files[kept++] = *file;
        }
        from += n;
    }
    b->n_files = kept;
    b->n_extents = to;
}

static int regions_correct(struct build *b, const uint32_t *remap)
{
    size_t i, n = b->n_regions;
    int rc = 0;

    b->n_regions = 0;
    for (i = 0; i < n && !rc; i++) {
        struct fsparse_region r = b->regions[i];

        if (r.kind == FSPARSE_FILE) {
            r.file = remap[r.file];
            if (r.file == GONE) {
                r.kind = FSPARSE_RESIDUAL;
                r.file = 0;
                r.logical = 0;
            }
        }
        rc = build_lay(b, &r);  /* in place: never more than there were */
    }
    return rc;
}

int gaps_limit(struct build *b)
{
    struct gap *gaps = calloc(b->n_files + 1, sizeof(*gaps));
    uint32_t *remap = NULL;
    int rc = gaps ? 0 : -ENOMEM;

    if (rc || !find_gaps(b, gaps))
        goto out;
    rc = -ENOMEM;
    remap = calloc(b->n_files, sizeof(*remap));
    if (!remap)
        goto out;
    choose(b, gaps, remap);
    files_drop(b, remap);
    rc = regions_correct(b, remap);
out:
    free(remap);
    free(gaps);
    return rc;
}
