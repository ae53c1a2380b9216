/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded random sample of the content that a dry run would send: of all
 * pieces each is kept with the same probability, and while there are few, all
 * are.  For one thread.
 */
#ifndef PLUGIN_SOURCE_RESERVOIR_H
#define PLUGIN_SOURCE_RESERVOIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/buf.h"

struct sample_piece {
    uint64_t number;
    size_t length;
    uint8_t *data;
};

struct sample {
    size_t most;                /* pieces */
    struct sample_piece *kept;
    size_t n_kept;
    uint64_t kept_bytes;
    uint64_t pieces;            /* that came, kept or not */
    uint64_t bytes;
    bool begun;                 /* it is decided about the next piece: */
    bool keep;
    size_t slot;
};

/* share: so many samples of that kind exist at once. */
void sample_init(struct sample *s, unsigned share);
void sample_release(struct sample *s);

/* Whether the next piece will be kept; if not, only its length matters. */
bool sample_keeps(struct sample *s);
/* Copies a piece, or only counts it.  -ENOMEM */
int sample_put(struct sample *s, const struct buf *piece);

/* Puts the pieces that were kept in the order in which they came. */
void sample_sort(struct sample *s);

#endif
