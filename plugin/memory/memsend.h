/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory stream on its way to the wire (docs/protocol.md, "Memory").
 *
 * Three threads: the caller's feeds the encoder; one hashes the same bytes;
 * one packs batches and sends them, and sends again what the target asks
 * for.  What is under way, but not taken by the target yet, is bounded, and
 * so are all buffers.
 *
 * Effort: packing is chosen by what it brings.  While the line is the
 * bottleneck, everything is done; when the line waits for us, less is tried,
 * and kept if the stream got faster by it.
 */
#ifndef PLUGIN_MEMORY_MEMSEND_H
#define PLUGIN_MEMORY_MEMSEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/match/blockindex.h"
#include "plugin/memory/memencode.h"
#include "plugin/wire/wire.h"

struct memsend;

struct memsend_options {
    bool coded;                 /* else MEMORY frames, as they are */
    uint64_t cache_bytes;
    int level;                  /* zstd's; 0: the default, 3 */
    const struct blockindex *index;     /* or NULL; borrowed */
    uint8_t key[BLOCKINDEX_KEY];
    const char *peer;           /* name of the other host; borrowed */
    uint64_t (*heard_ms)(void *opaque); /* when it was last seen to get on, by
                                   monotonic_ms() */
    void *opaque;
};

/* Borrows the wire.  Threads run until the process ends. */
int memsend_new(struct memsend **m_r, struct wire *w,
                const struct memsend_options *opt);

/* The next bytes of the stream; blocks while the line is busy.  A negative
 * errno: the wire has failed, or memsend_abort() was called. */
int memsend_bytes(struct memsend *m, const void *data, size_t length);

/* Nothing more comes for the time being: sends what was held back to make
 * whole batches. */
int memsend_flush(struct memsend *m);

/* The stream has ended: sends the rest, and MEMORY_END. */
int memsend_end(struct memsend *m);

/* Takes a frame of the target's: TAKEN or MISSED.  -EPROTO if it makes no
 * sense.  Does not wait. */
int memsend_answer(struct memsend *m, const struct frame *f);

/* From now on everything fails with -ETIME (logged) if the target gets no
 * further for so many seconds while something is under way to it; not for plain
 * MEMORY, which the line itself holds up. */
void memsend_limit(struct memsend *m, unsigned seconds);

/* Whoever waits in here returns. */
void memsend_abort(struct memsend *m);

/* For the report.  wire_bytes_r: payloads of the memory's frames. */
void memsend_counts(const struct memsend *m, struct memory_counts *counts_r,
                    uint64_t *wire_bytes_r);

#endif
