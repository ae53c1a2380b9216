/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers as disks have them: little endian, of any alignment. */
#ifndef FSPARSE_NUMBERS_H
#define FSPARSE_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

static inline uint32_t get_le16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static inline uint32_t get_le32(const uint8_t *p)
{
    return get_le16(p) | get_le16(p + 2) << 16;
}

static inline uint64_t get_le64(const uint8_t *p)
{
    return get_le32(p) | (uint64_t)get_le32(p + 4) << 32;
}

static inline bool is_power_of_2(uint64_t n)
{
    return n && !(n & (n - 1));
}

#endif
