/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Spans: the pieces of work that the threads of manifest_hash.c take.
 *
 * A cursor goes over the map's regions in ascending order and hands out spans:
 * pieces of the image between two multiples of RAW_OBJECT_MAX.  The residual
 * bytes in a span belong to it, and those files as a whole whose first region
 * (by place) lies in it.  So the image is read about in order, whatever the
 * order of the files, and nothing has to be sorted.  Holes and the rest of big
 * files are stepped over by the cursor in one go.
 *
 * If files that changed last are to come first, they are handed out before the
 * first span of the image, some at a time, and the cursor passes over them.
 *
 * The map is trusted for what fsparse.h promises of regions.  The functions
 * that take a const struct spans are for any thread; spans_take() is for one at
 * a time.
 */
#ifndef PLUGIN_CONTENT_SPANS_H
#define PLUGIN_CONTENT_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/content/manifest.h"

#define SPAN_READ_AHEAD (2u << 20)  /* bytes the kernel may read ahead of us */

struct span {
    uint64_t number;            /* in the order of handing out */
    const uint32_t *recent;     /* these files instead of the rest, or NULL */
    size_t n_recent;
    size_t region;              /* the one that start lies in */
    uint64_t start, end;
    uint64_t ahead, ahead_end;  /* to be read ahead meanwhile, or nothing */
};

struct spans;

/* m has its map, and one object for each file with zero and unusable decided;
 * both arguments are borrowed.  *s_r is for spans_free().  -ENOMEM. */
int spans_new(struct spans **s_r, const struct manifest *m,
              const struct manifest_options *opt);
void spans_free(struct spans *s);

/* Bytes of the image that all spans have to read. */
uint64_t spans_bytes(const struct spans *s);

/* Takes the next span; false: there is none any more. */
bool spans_take(struct spans *s, struct span *span);

/* Whether region i is cut into raw objects. */
bool spans_is_raw(const struct spans *s, size_t i);

/* Whether there is something to do for region i at offset: raw bytes to cut, or
 * a file to hash that begins there. */
bool spans_wants(const struct spans *s, size_t i, uint64_t offset);

/* Whether region i belongs to a file that begins with region `from` or after it
 * and has its turn there. */
bool spans_is_of_later_file(const struct spans *s, size_t i, size_t from);

#endif
