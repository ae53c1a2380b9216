/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where content lies on the disks that are sent: from a short keyed hash of a
 * 4 KiB block to disk and block.
 *
 * The index is a hint, and bounded in memory.  Entries may be missing, name a
 * block that was overwritten since, or, rarely, a block that never had this
 * content: whoever uses one has the content compared.  The key is secret, so
 * that a guest cannot make its blocks collide.  All functions but
 * blockindex_free() are safe for any number of threads at once.
 */
#ifndef PLUGIN_MATCH_BLOCKINDEX_H
#define PLUGIN_MATCH_BLOCKINDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCKINDEX_BLOCK 4096u
#define BLOCKINDEX_KEY 16u

struct blockindex;

/* blocks: how many are to be put; bytes: the most memory that it may take.
 * *x_r is for blockindex_free().  -ENOMEM. */
int blockindex_new(struct blockindex **x_r, uint64_t blocks, uint64_t bytes,
                   const uint8_t key[BLOCKINDEX_KEY]);
void blockindex_free(struct blockindex *x);

/* The keyed SipHash-2-4 of one block. */
uint64_t blockindex_hash(const uint8_t key[BLOCKINDEX_KEY],
                         const void *block);

/*
 * Notes bytes of a disk that have been sent, or will be: the whole blocks among
 * them that are not zero.  offset in bytes.  x may be NULL: nothing is done.
 */
void blockindex_put(struct blockindex *x, unsigned disk, uint64_t offset,
                    const void *data, size_t length);

/* Whether a block with this hash is known, and where: a disk and the number of
 * a block in it.  x may be NULL: none is. */
bool blockindex_find(const struct blockindex *x, uint64_t hash,
                     unsigned *disk_r, uint64_t *block_r);

#endif
