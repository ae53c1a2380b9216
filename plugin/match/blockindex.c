/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where content lies on the disks; see blockindex.h.
 *
 * An entry is one word: 24 bits of the hash, 8 of the disk, 32 of the block; 0
 * is no entry.  A bucket is a cache line of eight entries; one that does not
 * fit replaces another.  Words are read and written whole, so threads need no
 * lock: at worst one of two entries written at the same time is lost.
 */
#include "config.h"

#include <errno.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/bytes.h"
#include "plugin/base/zero.h"
#include "plugin/match/blockindex.h"

#define WAYS 8u

struct blockindex {
    uint8_t key[BLOCKINDEX_KEY];
    uint64_t mask;              /* of bucket numbers */
    _Atomic uint64_t *entry;
};

int blockindex_new(struct blockindex **x_r, uint64_t blocks, uint64_t bytes,
                   const uint8_t key[BLOCKINDEX_KEY])
{
    struct blockindex *x = calloc(1, sizeof(*x));
    uint64_t buckets = 1;

    if (!x)
        return -ENOMEM;
    /* Twice as many as blocks: buckets do not fill evenly. */
    while (buckets * WAYS / 2 < blocks && buckets < UINT64_C(1) << 32 &&
           buckets * 2 * WAYS * sizeof(*x->entry) <= bytes)
        buckets *= 2;
    memcpy(x->key, key, sizeof(x->key));
    x->mask = buckets - 1;
    x->entry = calloc(buckets * WAYS, sizeof(*x->entry));
    if (!x->entry) {
        free(x);
        return -ENOMEM;
    }
    *x_r = x;
    return 0;
}

void blockindex_free(struct blockindex *x)
{
    if (!x)
        return;
    free(x->entry);
    free(x);
}

uint64_t blockindex_hash(const uint8_t key[BLOCKINDEX_KEY], const void *block)
{
    uint8_t hash[crypto_shorthash_BYTES];

    crypto_shorthash(hash, block, BLOCKINDEX_BLOCK, key);
    return get_le64(hash);
}

static uint64_t tag(uint64_t hash)
{
    /* Never 0, so that no entry is. */
    return (hash >> 40 | 1) << 40;
}

static void put_block(struct blockindex *x, unsigned disk, uint64_t number,
                      uint64_t hash)
{
    _Atomic uint64_t *bucket = x->entry + (hash & x->mask) * WAYS;
    uint64_t value = tag(hash) | (uint64_t)disk << 32 | number, old;
    unsigned i;

    for (i = 0; i < WAYS; i++) {
        old = atomic_load_explicit(&bucket[i], memory_order_relaxed);
        if (old == value)
            return;
        if (!old)
            break;
    }
    if (i == WAYS)
        i = number % WAYS;
    atomic_store_explicit(&bucket[i], value, memory_order_relaxed);
}

void blockindex_put(struct blockindex *x, unsigned disk, uint64_t offset,
                    const void *data, size_t length)
{
    size_t skip = -offset % BLOCKINDEX_BLOCK;
    const uint8_t *p = data;
    uint64_t number = (offset + skip) / BLOCKINDEX_BLOCK;

    if (!x || disk > UINT8_MAX || skip > length)
        return;
    p += skip;
    length -= skip;
    for (; length >= BLOCKINDEX_BLOCK && number <= UINT32_MAX; number++) {
        if (!data_is_zero(p, BLOCKINDEX_BLOCK))
            put_block(x, disk, number, blockindex_hash(x->key, p));
        p += BLOCKINDEX_BLOCK;
        length -= BLOCKINDEX_BLOCK;
    }
}

bool blockindex_find(const struct blockindex *x, uint64_t hash,
                     unsigned *disk_r, uint64_t *block_r)
{
    const _Atomic uint64_t *bucket;
    uint64_t value;
    unsigned i;

    if (!x)
        return false;
    bucket = x->entry + (hash & x->mask) * WAYS;
    for (i = 0; i < WAYS; i++) {
        value = atomic_load_explicit(&bucket[i], memory_order_relaxed);
        if (!value)
            return false;
        if ((value ^ tag(hash)) >> 40)
            continue;
        *disk_r = value >> 32 & 0xff;
        *block_r = value & UINT32_MAX;
        return true;
    }
    return false;
}
