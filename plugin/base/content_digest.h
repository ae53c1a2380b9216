/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The digest of content that comes in pieces, or that all of it is zero: zeros
 * at its beginning are only counted until something else follows, so that
 * nothing but zeros is not hashed at all.
 */
#ifndef PLUGIN_BASE_CONTENT_DIGEST_H
#define PLUGIN_BASE_CONTENT_DIGEST_H

#include <stdbool.h>

#include "plugin/base/digest.h"

/* Owns nothing. */
struct content_digest {
    struct digest state;
    uint64_t zeros;             /* bytes, before it was started */
    bool started;
};

void content_digest_init(struct content_digest *c);
void content_digest_zeros(struct content_digest *c, uint64_t length);
void content_digest_data(struct content_digest *c, const void *data,
                         size_t length);

/* True: all of it was zero (or there was none), and hash is not set. */
bool content_digest_final(const struct content_digest *c,
                          uint8_t hash[HASH_BYTES]);

#endif
