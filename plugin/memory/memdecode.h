/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The receiving half of the memory codec: from the content of CODED frames to
 * the bytes of the stream (docs/protocol.md, "Memory").
 *
 * It knows nothing of libxl's formats.  The peer is not trusted: a frame is
 * checked as a whole before any of it is used, and memory is taken up only
 * for pages that were really sent.  A decoder is for one thread.
 */
#ifndef PLUGIN_MEMORY_MEMDECODE_H
#define PLUGIN_MEMORY_MEMDECODE_H

#include <stddef.h>
#include <stdint.h>

#include "plugin/proto.h"

struct budget;
struct memdecoder;

struct memdecoder_options {
    /* Each returns 0 or a negative errno.  out() gets the next bytes of the
     * stream. */
    int (*out)(void *opaque, const void *data, size_t length);
    /* Reads whole blocks of a disk.  An error counts as other content. */
    int (*read)(void *opaque, uint64_t disk, uint64_t offset, void *data,
                size_t length);
    /* Gets count of the frame's pages on disk, those that are not what the
     * source said: number[] counts them from 0, and each goes to where page[]
     * points. */
    int (*ask)(void *opaque, const uint32_t *number, uint8_t *const *page,
               size_t count);
    void *opaque;
    struct budget *budget;      /* for the slots; or NULL */
};

/* opt is copied.  *d_r is for memdecoder_free().  -ENOMEM. */
int memdecoder_new(struct memdecoder **d_r,
                   const struct memdecoder_options *opt);
void memdecoder_free(struct memdecoder *d);

/* The key of the pages' hashes; before the first frame. */
void memdecoder_set_key(struct memdecoder *d,
                        const uint8_t key[PROTO_MEMORY_KEY]);

/* Takes the content of a frame.  -EPROTO: it breaks the rules; -ENOMEM;
 * -ENOBUFS; or what a callback returned. */
int memdecoder_frame(struct memdecoder *d, const void *data, size_t length);

#endif
