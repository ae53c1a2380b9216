/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The blocks of 4 KiB that are looked for, by a short keyed hash, and where in
 * the references they were found.
 *
 * Blocks are added by one thread before any is looked up; then all functions
 * are safe for any number of threads.  What is said of a place is a hint: the
 * hash is short, and the image may be written to.  Hashes may have been chosen
 * by somebody who wants the table to be slow: it is not.
 */
#ifndef PLUGIN_MATCH_BLOCKTABLE_H
#define PLUGIN_MATCH_BLOCKTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/proto.h"

#define BLOCKTABLE_NONE SIZE_MAX
#define BLOCKTABLE_GRAIN 512u       /* bytes; places are multiples of it */

struct blocktable;

/* blocks: how many may be added.  *t_r is for blocktable_free().  -ENOMEM. */
int blocktable_new(struct blocktable **t_r, size_t blocks);
void blocktable_free(struct blocktable *t);

/*
 * The hash of a block as the wire has it: the first PROTO_LIST_HASH bytes of
 * SipHash-2-4, or 0 if the block is all zero.
 */
uint64_t blocktable_hash(const uint8_t key[PROTO_KEY], const void *block);

/* Adds a hash, which is not 0.  Adding it again changes nothing. */
void blocktable_add(struct blocktable *t, uint64_t hash);

/* The number of a hash that was added, or BLOCKTABLE_NONE. */
size_t blocktable_slot(const struct blocktable *t, uint64_t hash);

/* Whether a place was put for the slot. */
bool blocktable_is_found(const struct blocktable *t, size_t slot);

/* A block with the slot's hash lies at offset (bytes) in image (a number of the
 * caller's, below 65535).  The first place wins. */
void blocktable_put(struct blocktable *t, size_t slot, size_t image,
                    uint64_t offset);

/* Where a block with this hash was found; false: nowhere. */
bool blocktable_get(const struct blocktable *t, uint64_t hash,
                    size_t *image_r, uint64_t *offset_r);

/* How many different hashes were not found yet. */
size_t blocktable_missing(const struct blocktable *t);

#endif
