/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sending half of the memory codec: from the bytes of the stream to
 * batches of commands and data (docs/protocol.md, "Memory").
 *
 * It takes up the page cache and one batch, and no more memory.  One thread
 * feeds; memencoder_set_cheap() is for any other.
 */
#ifndef PLUGIN_MEMORY_MEMENCODE_H
#define PLUGIN_MEMORY_MEMENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/buf.h"
#include "plugin/match/blockindex.h"

struct memencoder;

struct memory_counts {
    uint64_t pages;             /* all pages that carried content */
    uint64_t zero;
    uint64_t filled;            /* with one repeated word, not zero */
    uint64_t repeated;          /* equal to an earlier page of the stream */
    uint64_t on_disk;
    uint64_t difference;        /* sent as what has changed in them */
    uint64_t literal;
    uint64_t bytes;             /* of the stream */
};

struct memory_batch {
    struct buf commands;
    struct buf data;
    struct buf kept;            /* pages said to be on disk: they may be asked
                                   for */
    uint64_t bytes;             /* of the stream */
};

#define MEMORY_BATCH_INIT { BUF_INIT, BUF_INIT, BUF_INIT, 0 }

void memory_batch_release(struct memory_batch *b);

struct memencoder_options {
    uint64_t cache_bytes;       /* for pages; 0: none are kept */
    const struct blockindex *index;     /* or NULL; borrowed */
    uint8_t key[BLOCKINDEX_KEY];        /* that of the index */
    /* Takes a batch over: leaves *b empty.  Non-zero ends the feeding. */
    int (*emit)(void *opaque, struct memory_batch *b);
    void *opaque;
};

/* opt is copied.  *e_r is for memencoder_free().  -ENOMEM. */
int memencoder_new(struct memencoder **e_r,
                   const struct memencoder_options *opt);
void memencoder_free(struct memencoder *e);

/* Takes the next bytes of the stream, in any pieces.  0, -ENOMEM, or what
 * emit returned; after that the encoder is of no more use. */
int memencoder_feed(struct memencoder *e, const void *data, size_t length);

/* Emits what is there, but for an incomplete page or header.  Returns the
 * same. */
int memencoder_flush(struct memencoder *e);

/* The stream has ended: emits all.  Returns the same. */
int memencoder_finish(struct memencoder *e);

/* cheap: from now on only zero and filled pages are looked for. */
void memencoder_set_cheap(struct memencoder *e, bool cheap);

/* What was counted so far, lent until memencoder_free(); to be read while no
 * thread feeds. */
const struct memory_counts *memencoder_counts(const struct memencoder *e);

#endif
