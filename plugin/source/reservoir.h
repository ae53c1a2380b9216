/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded random sample of the content that a dry run would send: every
 * piece is kept with the same probability, and all are while they are few.  For
 * one thread.
 */
#ifndef PLUGIN_SOURCE_RESERVOIR_H
#define PLUGIN_SOURCE_RESERVOIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/buf.h"

struct reservoir_piece {
    uint64_t number;
    size_t length;
    uint8_t *data;
};

struct reservoir {
    size_t most;                /* pieces */
    struct reservoir_piece *kept;
    size_t n_kept;
    uint64_t kept_bytes;
    uint64_t pieces;            /* that came, kept or not */
    uint64_t bytes;
    bool begun;                 /* it is decided about the next piece: */
    bool keep;
    size_t slot;
};

/* share: how many samples of one kind exist at once; they share the room. */
void reservoir_init(struct reservoir *r, unsigned share);
void reservoir_release(struct reservoir *r);

/* Whether the next piece will be kept; if not, only its length matters to
 * reservoir_put(). */
bool reservoir_keeps(struct reservoir *r);
/* Copies a piece, or only counts it.  0 or -ENOMEM. */
int reservoir_put(struct reservoir *r, const struct buf *piece);

/* Puts the pieces that were kept in the order in which they came. */
void reservoir_sort(struct reservoir *r);

#endif
