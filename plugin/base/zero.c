/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The test for zeros; see zero.h. */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "plugin/base/zero.h"

bool data_is_zero(const void *data, size_t length)
{
    static const uint8_t zero_block[16];
    const uint8_t *p = data;

    if (length <= 16)
        return !memcmp(p, zero_block, length);
    return !memcmp(p, zero_block, 16) && !memcmp(p, p + 16, length - 16);
}
