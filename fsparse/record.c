/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Record: the reading side's primitives (record.h).  Trusts nothing.
 */
#include "config.h"

#include <string.h>

#include "fsparse/record.h"

const void *record_bytes(struct record_cursor *c, size_t length)
{
    const void *p = c->next;

    if (c->bad || length > c->left) {
        c->bad = true;
        return NULL;
    }
    c->next += length;
    c->left -= length;
    return p;
}

uint32_t record_u32(struct record_cursor *c)
{
    const void *p = record_bytes(c, sizeof(uint32_t));
    uint32_t v = 0;

    if (p)
        memcpy(&v, p, sizeof(v));
    return v;
}

uint64_t record_u64(struct record_cursor *c)
{
    const void *p = record_bytes(c, sizeof(uint64_t));
    uint64_t v = 0;

    if (p)
        memcpy(&v, p, sizeof(v));
    return v;
}

const char *record_string(struct record_cursor *c, size_t max,
                          size_t *length_r)
{
    const void *p = record_bytes(c, sizeof(uint16_t));
    const char *s;
    uint16_t length = 0;

    *length_r = 0;
    if (p)
        memcpy(&length, p, sizeof(length));
    s = record_bytes(c, length);
    if (!s || length > max || memchr(s, '\0', length)) {
        c->bad = true;
        return "";
    }
    *length_r = length;
    return s;
}
