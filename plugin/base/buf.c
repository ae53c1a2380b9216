/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building and reading payloads; see buf.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/buf.h"

void buf_release(struct buf *b)
{
    free(b->data);
    *b = (struct buf)BUF_INIT;
}

void buf_reset(struct buf *b)
{
    b->length = 0;
    b->failed = false;
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
    size_t size = b->size ? b->size : 256;
    uint8_t *data;

    if (b->failed)
        return NULL;
    if (n <= b->size - b->length)
        return b->data + b->length;
    while (size - b->length < n) {
        if (size > SIZE_MAX / 2) {
            b->failed = true;
            return NULL;
        }
        size *= 2;
    }
    data = realloc(b->data, size);
    if (!data) {
        b->failed = true;
        return NULL;
    }
    b->data = data;
    b->size = size;
    return b->data + b->length;
}

void buf_put(struct buf *b, const void *data, size_t n)
{
    uint8_t *p;

    if (n == 0)
        return;
    p = buf_reserve(b, n);
    if (!p)
        return;
    memcpy(p, data, n);
    b->length += n;
}

static void put_le(struct buf *b, uint64_t v, unsigned bytes)
{
    uint8_t le[8];
    unsigned i;

    for (i = 0; i < bytes; i++)
        le[i] = v >> (8 * i);
    buf_put(b, le, bytes);
}

void buf_put_u8(struct buf *b, uint8_t v)
{
    put_le(b, v, 1);
}

void buf_put_u16(struct buf *b, uint16_t v)
{
    put_le(b, v, 2);
}

void buf_put_u32(struct buf *b, uint32_t v)
{
    put_le(b, v, 4);
}

void buf_put_u64(struct buf *b, uint64_t v)
{
    put_le(b, v, 8);
}

void buf_put_varint(struct buf *b, uint64_t v)
{
    uint8_t out[10];
    unsigned n = 0;

    while (v >= 0x80) {
        out[n++] = v | 0x80;
        v >>= 7;
    }
    out[n++] = v;
    buf_put(b, out, n);
}

void buf_put_zigzag(struct buf *b, int64_t v)
{
    buf_put_varint(b, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

void buf_put_text(struct buf *b, const char *key, const char *value)
{
    buf_put(b, key, strlen(key));
    buf_put(b, "=", 1);
    buf_put(b, value, strlen(value) + 1);
}

void buf_put_text_u64(struct buf *b, const char *key, uint64_t value)
{
    char number[24];

    snprintf(number, sizeof(number), "%" PRIu64, value);
    buf_put_text(b, key, number);
}

size_t cursor_left(const struct cursor *c)
{
    return c->end - c->p;
}

const uint8_t *cursor_get(struct cursor *c, size_t n)
{
    const uint8_t *p = c->p;

    if (c->bad || n > cursor_left(c)) {
        c->bad = true;
        return NULL;
    }
    c->p += n;
    return p;
}

static uint64_t get_le(struct cursor *c, unsigned bytes)
{
    const uint8_t *p = cursor_get(c, bytes);
    uint64_t v = 0;
    unsigned i;

    for (i = 0; p && i < bytes; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

uint8_t cursor_u8(struct cursor *c)
{
    return get_le(c, 1);
}

uint16_t cursor_u16(struct cursor *c)
{
    return get_le(c, 2);
}

uint32_t cursor_u32(struct cursor *c)
{
    return get_le(c, 4);
}

uint64_t cursor_u64(struct cursor *c)
{
    return get_le(c, 8);
}

uint64_t cursor_varint(struct cursor *c)
{
    uint64_t v = 0;
    unsigned shift;
    const uint8_t *p;

    for (shift = 0; shift < 64; shift += 7) {
        p = cursor_get(c, 1);
        if (!p)
            return 0;
        /* The tenth byte has one bit to give. */
        if (shift == 63 && *p > 1)
            break;
        v |= (uint64_t)(*p & 0x7f) << shift;
        if (!(*p & 0x80))
            return v;
    }
    c->bad = true;
    return 0;
}

int64_t cursor_zigzag(struct cursor *c)
{
    uint64_t v = cursor_varint(c);

    return (int64_t)((v >> 1) ^ -(v & 1));
}

bool text_valid(const void *data, size_t length)
{
    const char *p = data, *end = p + length, *stop;

    while (p < end) {
        stop = memchr(p, '\0', end - p);
        if (!stop || !memchr(p, '=', stop - p))
            return false;
        p = stop + 1;
    }
    return true;
}

const char *text_get(const void *data, size_t length, const char *key,
                     unsigned n)
{
    const char *p = data, *end = p + length;
    size_t key_length = strlen(key);

    for (; p < end; p += strlen(p) + 1)
        if (!strncmp(p, key, key_length) && p[key_length] == '=' && n-- == 0)
            return p + key_length + 1;
    return NULL;
}

int text_get_u64(const void *data, size_t length, const char *key,
                 uint64_t *value_r)
{
    const char *s = text_get(data, length, key, 0);
    char *end;

    if (!s || *s < '0' || *s > '9')
        return -EPROTO;
    errno = 0;
    *value_r = strtoull(s, &end, 10);
    return errno || *end ? -EPROTO : 0;
}
