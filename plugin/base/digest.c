/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Digests of what is not one piece of memory; see digest.h. */
#include "config.h"

#include "plugin/base/bytes.h"
#include "plugin/base/digest.h"
#include "plugin/base/zero.h"

void digest_zeros(struct digest *d, uint64_t length)
{
    static const uint8_t zeros[64 << 10];
    size_t n;

    for (; length > 0; length -= n) {
        n = length < sizeof(zeros) ? length : sizeof(zeros);
        digest_update(d, zeros, n);
    }
}

void digest_record(struct digest *d, uint64_t offset, uint32_t length)
{
    uint8_t header[12];

    put_le64(header, offset);
    put_le32(header + 8, length);
    digest_update(d, header, sizeof(header));
}

void content_digest_init(struct content_digest *c)
{
    digest_init(&c->state);
    c->zeros = 0;
    c->started = false;
}

void content_digest_zeros(struct content_digest *c, uint64_t length)
{
    if (c->started)
        digest_zeros(&c->state, length);
    else
        c->zeros += length;
}

void content_digest_data(struct content_digest *c, const void *data,
                         size_t length)
{
    if (!c->started && data_is_zero(data, length)) {
        c->zeros += length;
        return;
    }
    if (!c->started) {
        c->started = true;
        digest_zeros(&c->state, c->zeros);
    }
    digest_update(&c->state, data, length);
}

bool content_digest_final(const struct content_digest *c,
                          uint8_t hash[HASH_BYTES])
{
    if (c->started)
        digest_final(&c->state, hash);
    return !c->started;
}
