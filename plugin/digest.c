/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Digests of zeros; see digest.h. */
#include "config.h"

#include "plugin/digest.h"

void digest_zeros(struct digest *d, uint64_t length)
{
    static const uint8_t zeros[64 << 10];
    size_t n;

    for (; length > 0; length -= n) {
        n = length < sizeof(zeros) ? length : sizeof(zeros);
        digest_update(d, zeros, n);
    }
}
