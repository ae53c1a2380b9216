/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Blocks that are looked for; see blocktable.h.
 *
 * An open table, of which at least a quarter of the slots stays empty.  The
 * hashes come from a peer that knows the key with which they were made and may
 * have made them up: where to begin is told by a hash of the hash, with a key
 * that never leaves the table.  A place is one word, so that it is read and
 * written at once.
 */
#include "config.h"

#include <errno.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/bytes.h"
#include "plugin/base/zero.h"
#include "plugin/match/blocktable.h"

#define SLOTS_MIN 64u
#define OFFSET_BITS 48              /* of offset / BLOCKTABLE_GRAIN */

struct slot {
    uint64_t hash;                  /* 0: empty */
    _Atomic uint64_t place;         /* image + 1 and offset; 0: not found */
};

struct blocktable {
    uint8_t key[crypto_shorthash_KEYBYTES];
    struct slot *slots;
    size_t mask;
    size_t n;
    atomic_size_t found;
};

int blocktable_new(struct blocktable **t_r, size_t blocks)
{
    struct blocktable *t = calloc(1, sizeof(*t));
    size_t n = SLOTS_MIN;

    while (n - n / 4 < blocks && n <= SIZE_MAX / 2)
        n *= 2;
    if (t)
        t->slots = calloc(n, sizeof(*t->slots));
    if (!t || !t->slots) {
        free(t);
        return -ENOMEM;
    }
    randombytes_buf(t->key, sizeof(t->key));
    t->mask = n - 1;
    *t_r = t;
    return 0;
}

void blocktable_free(struct blocktable *t)
{
    if (!t)
        return;
    free(t->slots);
    free(t);
}

uint64_t blocktable_hash(const uint8_t key[PROTO_KEY], const void *block)
{
    uint8_t hash[crypto_shorthash_BYTES];

    if (data_is_zero(block, PROTO_BLOCK))
        return 0;
    crypto_shorthash(hash, block, PROTO_BLOCK, key);
    return get_le(hash, PROTO_LIST_HASH);
}

static size_t first_slot(const struct blocktable *t, uint64_t hash)
{
    uint8_t in[8], out[crypto_shorthash_BYTES];

    put_le64(in, hash);
    crypto_shorthash(out, in, sizeof(in), t->key);
    return get_le64(out) & t->mask;
}

/* The slot of a hash, or the empty one where it would be. */
static size_t find(const struct blocktable *t, uint64_t hash)
{
    size_t i = first_slot(t, hash);

    while (t->slots[i].hash && t->slots[i].hash != hash)
        i = (i + 1) & t->mask;
    return i;
}

void blocktable_add(struct blocktable *t, uint64_t hash)
{
    struct slot *s = &t->slots[find(t, hash)];

    if (s->hash || t->n > t->mask - t->mask / 4)
        return;
    s->hash = hash;
    t->n++;
}

size_t blocktable_slot(const struct blocktable *t, uint64_t hash)
{
    size_t i;

    if (!hash)
        return BLOCKTABLE_NONE;
    i = find(t, hash);
    return t->slots[i].hash ? i : BLOCKTABLE_NONE;
}

bool blocktable_is_found(const struct blocktable *t, size_t slot)
{
    return atomic_load_explicit(&t->slots[slot].place,
                                memory_order_relaxed) != 0;
}

void blocktable_put(struct blocktable *t, size_t slot, size_t image,
                    uint64_t offset)
{
    uint64_t none = 0;
    uint64_t place = (uint64_t)(image + 1) << OFFSET_BITS |
        offset / BLOCKTABLE_GRAIN;

    if (atomic_compare_exchange_strong(&t->slots[slot].place, &none, place))
        atomic_fetch_add(&t->found, 1);
}

bool blocktable_get(const struct blocktable *t, uint64_t hash,
                    size_t *image_r, uint64_t *offset_r)
{
    size_t slot = blocktable_slot(t, hash);
    uint64_t place;

    if (slot == BLOCKTABLE_NONE)
        return false;
    place = atomic_load(&t->slots[slot].place);
    if (!place)
        return false;
    *image_r = (place >> OFFSET_BITS) - 1;
    *offset_r = (place & ((UINT64_C(1) << OFFSET_BITS) - 1)) *
        BLOCKTABLE_GRAIN;
    return true;
}

size_t blocktable_missing(const struct blocktable *t)
{
    return t->n - atomic_load(&t->found);
}
