/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where content lies on the disks that are sent: from a short keyed hash of a
 * 4 KiB block to disk and block.
 *
 * A hint, bounded in memory: entries may be missing, name a block that was
 * overwritten since, or, rarely, a block that never had this content.  Who
 * uses one has the content compared.  The key is secret, so that a guest
 * cannot make its blocks collide.  All functions are safe for any number of
 * threads at once.
 */
#ifndef PLUGIN_MATCH_BLOCKINDEX_H
#define PLUGIN_MATCH_BLOCKINDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCKINDEX_BLOCK 4096u
#define BLOCKINDEX_KEY 16u

struct blockindex;

/* blocks: so many may be put; bytes: of memory, at most. */
int blockindex_new(struct blockindex **x_r, uint64_t blocks, uint64_t bytes,
                   const uint8_t key[BLOCKINDEX_KEY]);
void blockindex_free(struct blockindex *x);

/* Of a block, by SipHash-2-4. */
uint64_t blockindex_hash(const uint8_t key[BLOCKINDEX_KEY],
                         const void *block);

/*
 * These bytes of a disk have been sent, or will be.  Whole blocks among them
 * are noted, but not those that are zero.  x may be NULL: nothing is done.
 */
void blockindex_put(struct blockindex *x, unsigned disk, uint64_t offset,
                    const void *data, size_t length);

/* Whether a block with this hash is known.  x may be NULL. */
bool blockindex_find(const struct blockindex *x, uint64_t hash,
                     unsigned *disk_r, uint64_t *block_r);

#endif
