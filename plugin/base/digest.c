/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is not one piece of memory in a digest; see digest.h. */
#include "config.h"

#include "plugin/base/bytes.h"
#include "plugin/base/digest.h"

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
