/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Digests of segments out of what is read of the image for another purpose, so
 * that it need not be read once more.
 */
#ifndef PLUGIN_CONTENT_SEGMENT_RUN_H
#define PLUGIN_CONTENT_SEGMENT_RUN_H

#include "plugin/base/digest.h"
#include "plugin/content/segment.h"

/* Where they go.  Several threads may use it at once, but for one segment. */
struct segment_sink {
    uint64_t image_size;            /* bytes */
    struct segment_digest *digests; /* of all segments */
    struct blockindex *index;       /* that notes the blocks, or NULL */
    unsigned disk;                  /* there */
};

/* A whole segment was read. */
void segment_sink_put(const struct segment_sink *k, uint64_t number,
                      const void *data);

/* A run of the image that is read in pieces, in order, by one thread: those
 * segments that lie in it as a whole have their digests then. */
struct segment_run {
    const struct segment_sink *sink;
    uint64_t next, end;             /* bytes of the image that are to come */
    struct content_digest state;    /* of next's segment so far */
};

/* [start, end) of the image will come.  k may be NULL: nothing is done. */
void segment_run_begin(struct segment_run *r, const struct segment_sink *k,
                       uint64_t start, uint64_t end);

/* The next bytes, which lie at offset; what is before start is passed over. */
void segment_run_put(struct segment_run *r, const void *data, size_t length,
                     uint64_t offset);

#endif
