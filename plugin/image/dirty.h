/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which blocks of an image are dirty: a bitmap of blocks of one size, a power
 * of two.  Ranges are in bytes; a block that they touch counts whole, and what
 * lies past the end is cut off.
 */
#ifndef PLUGIN_IMAGE_DIRTY_H
#define PLUGIN_IMAGE_DIRTY_H

#include <stdbool.h>
#include <stdint.h>

struct dirty {
    uint64_t size;          /* of the image, bytes */
    unsigned shift;         /* block: 1 << shift bytes */
    uint64_t n_words;
    uint64_t *words;
};

#define DIRTY_INIT { .words = NULL }

/* Makes a bitmap for size bytes, all clean.  0, -ENOMEM, or -EINVAL: block is
 * not a power of two from 512 on. */
int dirty_init(struct dirty *d, uint64_t size, uint64_t block);
void dirty_release(struct dirty *d);

/* Make a range dirty, make all dirty, and make all clean. */
void dirty_mark(struct dirty *d, uint64_t offset, uint64_t length);
void dirty_mark_all(struct dirty *d);
void dirty_clear(struct dirty *d);

/* Adds what is dirty in from, which has the same size; its blocks may have
 * another one. */
void dirty_or(struct dirty *d, const struct dirty *from);

/* Whether any block that the range touches is dirty. */
bool dirty_any(const struct dirty *d, uint64_t offset, uint64_t length);

/* Finds the first dirty range at or after *offset_r: its beginning goes there,
 * its length to *length_r, both in bytes.  False: there is none, and nothing is
 * set. */
bool dirty_next(const struct dirty *d, uint64_t *offset_r,
                uint64_t *length_r);

/* The number of bytes in dirty blocks. */
uint64_t dirty_bytes(const struct dirty *d);

#endif
