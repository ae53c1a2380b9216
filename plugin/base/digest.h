/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Digests of content: BLAKE3 (github.com/BLAKE3-team/BLAKE3, "BLAKE3: one
 * function, fast everywhere"), 32 bytes, no key.
 *
 * Collision resistant, as guests choose the content; and it takes a fraction
 * of the time of any other such hash on one core, which is what counts here:
 * every byte of a disk is hashed twice at either side.
 *
 * Nothing here fails or allocates.
 */
#ifndef PLUGIN_BASE_DIGEST_H
#define PLUGIN_BASE_DIGEST_H

#include <blake3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_BYTES BLAKE3_OUT_LEN

/* A digest in the making.  Owns nothing; copies go on by themselves. */
struct digest {
    blake3_hasher hasher;
};

static inline void digest_init(struct digest *d)
{
    blake3_hasher_init(&d->hasher);
}

/* The same with a key: what comes of it nobody can make, or tell from noise,
 * who does not have the key. */
static inline void digest_init_keyed(struct digest *d,
                                     const uint8_t key[BLAKE3_KEY_LEN])
{
    blake3_hasher_init_keyed(&d->hasher, key);
}

/* Adds length bytes. */
static inline void digest_update(struct digest *d, const void *data,
                                 size_t length)
{
    blake3_hasher_update(&d->hasher, data, length);
}

/* Writes the digest of what was added so far.  May be called more than once,
 * and followed by digest_update(). */
static inline void digest_final(const struct digest *d,
                                uint8_t hash[HASH_BYTES])
{
    blake3_hasher_finalize(&d->hasher, hash, HASH_BYTES);
}

/* Adds length zeros. */
void digest_zeros(struct digest *d, uint64_t length);

/* Adds what the digest of a DELTA has of a record before its content: offset
 * and length as they are on the wire, the mark of zeros included. */
void digest_record(struct digest *d, uint64_t offset, uint32_t length);

/* The digest of one piece of memory. */
static inline void digest_of(const void *data, size_t length,
                             uint8_t hash[HASH_BYTES])
{
    struct digest d;

    digest_init(&d);
    digest_update(&d, data, length);
    digest_final(&d, hash);
}

/*
 * The digest of content that comes in pieces, any or all of which may be zero.
 * Zeros at its beginning are only counted until something else follows, so that
 * content which is nothing but zeros is never hashed.  Owns nothing.
 */
struct content_digest {
    struct digest state;
    uint64_t zeros;             /* bytes, before it was started */
    bool started;
};

void content_digest_init(struct content_digest *c);

/* Adds length zeros, or length bytes of data. */
void content_digest_zeros(struct content_digest *c, uint64_t length);
void content_digest_data(struct content_digest *c, const void *data,
                         size_t length);

/* Writes the digest and returns false, or returns true if all of the content
 * was zero (or there was none): then hash is not set. */
bool content_digest_final(const struct content_digest *c,
                          uint8_t hash[HASH_BYTES]);

#endif
