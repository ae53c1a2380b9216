/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Building and reading payloads.
 *
 * struct buf grows as bytes are put into it.  A failed allocation is
 * remembered in `failed` and everything after it is ignored, so that an
 * encoder checks once, at its end.  struct cursor reads untrusted bytes: a
 * read past the end yields 0 and sets `bad`, so that a decoder may check
 * after a group of reads, but before it uses a count.
 *
 * Integers are little endian, as docs/protocol.md has them.
 */
#ifndef PLUGIN_BASE_BUF_H
#define PLUGIN_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    uint8_t *data;              /* owned */
    size_t length;              /* bytes that were put */
    size_t size;                /* bytes that there is room for */
    bool failed;
};

#define BUF_INIT { NULL, 0, 0, false }

/* Frees what it holds; it may be used again. */
void buf_release(struct buf *b);
/* Empties it, and forgets a failure, but keeps the memory. */
void buf_reset(struct buf *b);

/* Makes room for n more bytes at the end and returns it, or NULL if it has
 * failed; length is not changed. */
uint8_t *buf_reserve(struct buf *b, size_t n);

/* Each of these appends.  Varints and zigzags are those of docs/protocol.md:
 * seven bits a byte, the lowest first. */
void buf_put(struct buf *b, const void *data, size_t n);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
void buf_put_varint(struct buf *b, uint64_t v);
void buf_put_zigzag(struct buf *b, int64_t v);
/* Puts "key=value" and a NUL. */
void buf_put_text(struct buf *b, const char *key, const char *value);
void buf_put_text_u64(struct buf *b, const char *key, uint64_t value);

struct cursor {
    const uint8_t *p;
    const uint8_t *end;
    bool bad;
};

#define CURSOR_INIT(data, length) \
    { (const uint8_t *)(data), (const uint8_t *)(data) + (length), false }

/* The bytes not read yet. */
size_t cursor_left(const struct cursor *c);

/* The next n bytes, inside the payload, or NULL. */
const uint8_t *cursor_get(struct cursor *c, size_t n);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
uint64_t cursor_varint(struct cursor *c);
int64_t cursor_zigzag(struct cursor *c);

/* Whether a text payload is one: every string ends with a NUL and has a "=".
 * text_get() and text_get_u64() must be given no other. */
bool text_valid(const void *data, size_t length);
/* The nth (from 0) value of key, inside the payload, or NULL. */
const char *text_get(const void *data, size_t length, const char *key,
                     unsigned n);
/* 0 and the number that is the value of key, or -EPROTO. */
int text_get_u64(const void *data, size_t length, const char *key,
                 uint64_t *value_r);

#endif
