/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory stream on its way to the wire (docs/protocol.md, "Memory").
 *
 * There are three threads: the caller's feeds the encoder; one hashes the same
 * bytes; one packs batches and sends them, and sends what the target asks for.
 * What the target has not taken yet is bounded, and so are all buffers.
 *
 * adapt_effort.h decides how hard batches are packed.
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
    bool coded;                 /* else the stream goes in MEMORY frames, as it
                                   is */
    uint64_t cache_bytes;       /* for pages that were sent */
    int level;                  /* zstd's; 0: the default, 3 */
    const struct blockindex *index;     /* or NULL; borrowed */
    uint8_t key[BLOCKINDEX_KEY];
    const char *peer;           /* name of the other host; borrowed */
    uint64_t (*heard_ms)(void *opaque); /* when the peer was last seen to get
                                   on, by monotonic_ms() */
    void *opaque;
};

/* Borrows the wire, copies opt.  What it makes lives as long as the process, as
 * its threads run until then.  0 or a negative errno. */
int memsend_new(struct memsend **m_r, struct wire *w,
                const struct memsend_options *opt);

/* The next bytes of the stream; blocks while the line is busy.  A negative
 * errno: the wire has failed, or memsend_abort() was called. */
int memsend_bytes(struct memsend *m, const void *data, size_t length);

/* Nothing more comes for the time being: sends what was held back to make
 * whole batches.  Returns the same. */
int memsend_flush(struct memsend *m);

/* The stream has ended: sends the rest, and MEMORY_END.  Returns the same. */
int memsend_end(struct memsend *m);

/* Takes a frame of the target's: TAKEN or MISSED.  0, -EPROTO if it makes no
 * sense, or -ENOMEM.  Does not wait. */
int memsend_answer(struct memsend *m, const struct frame *f);

/* From now on everything fails with -ETIME (logged) if the target gets no
 * further for that long while something is under way to it.  That is not so for
 * plain MEMORY, which the line itself holds up. */
void memsend_limit(struct memsend *m, unsigned seconds);

/* All calls that wait in here return, with -EPIPE unless something else had
 * failed before. */
void memsend_abort(struct memsend *m);

/* Tells what became of the pages, for the report; after memsend_end().
 * *wire_bytes_r: bytes of the payloads of the memory's frames. */
void memsend_counts(struct memsend *m, struct memory_counts *counts_r,
                    uint64_t *wire_bytes_r);

#endif
