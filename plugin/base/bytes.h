/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Little-endian numbers in bytes of any alignment, as the wire, the memory
 * stream and programs have them.  Payloads are for buf.h. */
#ifndef PLUGIN_BASE_BYTES_H
#define PLUGIN_BASE_BYTES_H

#include <stdint.h>

/* A number of 1 to 8 bytes. */
static inline uint64_t get_le(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;

    while (bytes-- > 0)
        v = v << 8 | p[bytes];
    return v;
}

static inline uint32_t get_le16(const uint8_t *p)
{
    return p[0] | p[1] << 8;
}

static inline uint32_t get_le32(const uint8_t *p)
{
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t get_le64(const uint8_t *p)
{
    return get_le32(p) | (uint64_t)get_le32(p + 4) << 32;
}

static inline void put_le32(uint8_t *p, uint32_t v)
{
    p[0] = v;
    p[1] = v >> 8;
    p[2] = v >> 16;
    p[3] = v >> 24;
}

static inline void put_le64(uint8_t *p, uint64_t v)
{
    put_le32(p, v);
    put_le32(p + 4, v >> 32);
}

#endif
