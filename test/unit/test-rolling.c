/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of rolling.c: what matcher and sketch make of two files gives the
 * new one again, whatever the files are, and little of it is sent when they
 * are alike. */
#include "config.h"

#include <sodium.h>

#include "test/unit/unit.h"

#include "plugin/match/rolling.h"
#include "plugin/proto.h"

static const uint8_t key[ROLLING_KEY_BYTES] = "01234567";

struct made {
    const uint8_t *held;
    size_t held_size;
    uint8_t *data;
    size_t length, room, own;
};

static int take_literal(void *opaque, const uint8_t *data, size_t length)
{
    struct made *m = opaque;

    assert(length > 0 && length <= m->room - m->length);
    memcpy(m->data + m->length, data, length);
    m->length += length;
    m->own += length;
    return 0;
}

static int take_copy(void *opaque, uint64_t offset, uint64_t length)
{
    struct made *m = opaque;

    assert(length > 0 && offset <= m->held_size &&
           length <= m->held_size - offset && length <= m->room - m->length);
    memcpy(m->data + m->length, m->held + offset, length);
    m->length += length;
    return 0;
}

static uint8_t *hashes(const struct rolling *r, const struct sketch *s,
                       const uint8_t *held)
{
    uint8_t *out = allocate(sketch_blocks(s) * s->width), *p = out;
    uint64_t at, n, hash;
    unsigned k;

    for (at = 0; at < s->size; at += n) {
        n = s->size - at < s->block ? s->size - at : s->block;
        hash = rolling_cut(r, rolling_add(r, 0, held + at, n), s->width);
        for (k = 0; k < s->width; k++)
            *p++ = hash >> 8 * k;
    }
    assert(p == out + sketch_blocks(s) * s->width);
    return out;
}

/* Returns how many bytes of the new file had to be sent. */
static size_t make(const uint8_t *held, size_t held_size, const uint8_t *now,
                   size_t size, size_t feed)
{
    struct made made = { held, held_size, allocate(size), 0, size, 0 };
    struct matcher_sink sink = { take_literal, take_copy, &made };
    struct sketch s = { .size = held_size };
    struct matcher *m;
    struct rolling r;
    uint8_t *list;
    size_t at, n;

    rolling_init(&r, key);
    sketch_shape(&s);
    assert(s.block >= PROTO_SIGNATURE_BLOCK_MIN && s.width >= 3 && s.width <= 8);
    list = hashes(&r, &s, held);
    s.hashes = list;
    assert(!matcher_new(&m, &r, &s, &sink));
    for (at = 0; at < size; at += n) {
        n = size - at < feed ? size - at : feed;
        assert(!matcher_feed(m, now + at, n));
    }
    assert(!matcher_end(m));
    matcher_free(m);
    assert(made.length == size && !memcmp(made.data, now, size));
    free(made.data);
    free(list);
    return made.own;
}

#define SIZE 300000u

static void alike(void)
{
    static const size_t feeds[] = { 1, 1000, 4096, 1 << 20 };
    uint8_t *a = allocate(SIZE), *b = allocate(2 * SIZE);
    unsigned i;

    noise(a, SIZE, 1);
    for (i = 0; i < 4; i++) {
        assert(make(a, SIZE, a, SIZE, feeds[i]) == 0);
        /* something in front, cut out, and at the end */
        memcpy(b, "front", 5);
        memcpy(b + 5, a, 100000);
        memcpy(b + 100005, a + 100777, SIZE - 100777);
        memcpy(b + SIZE - 772, "tail", 4);
        assert(make(a, SIZE, b, SIZE - 768, feeds[i]) < 5000);
        /* twice over: the end of the first is no whole block */
        memcpy(b, a, SIZE);
        memcpy(b + SIZE, a, SIZE);
        assert(make(a, SIZE, b, 2 * SIZE, feeds[i]) < 1024);
    }
    free(a);
    free(b);
}

static void unlike(void)
{
    uint8_t *a = allocate(SIZE), *b = allocate(SIZE);
    size_t n;

    noise(a, SIZE, 1);
    noise(b, SIZE, 2);
    assert(make(a, SIZE, b, SIZE, 5000) == SIZE);
    /* every length about the blocks' */
    for (n = 0; n < 1100; n++) {
        make(a, n + 1, a, n, 100);
        make(a, n + 1, b, n, 100);
        make(a, 600, a, n, 7);
    }
    /* all blocks are one */
    memset(a, 0, SIZE);
    assert(make(a, SIZE, a, SIZE - 1, 5000) < 1024);
    assert(make(a, SIZE, b, SIZE, 5000) == SIZE);
    free(a);
    free(b);
}

/* The same as wire.py computes. */
static void vectors(void)
{
    uint8_t wide_key[ROLLING_KEY_BYTES];
    struct rolling r;

    memset(wide_key, 0xff, sizeof(wide_key));
    wide_key[0] = 0xfe;
    rolling_init(&r, key);
    assert(rolling_cut(&r, rolling_add(&r, 0, "abc", 3), 8) ==
           UINT64_C(0xce1a0ff65d725c01));
    rolling_init(&r, wide_key);
    assert(rolling_cut(&r, rolling_add(&r, 0, "\xff\0\0", 3), 4) ==
           UINT64_C(0x6fe8da05));
}

static void shapes(void)
{
    struct sketch s;
    uint64_t n;

    for (n = 1; n < UINT64_C(1) << 42; n = n * 3 + 1) {
        s.size = n;
        sketch_shape(&s);
        assert(sketch_blocks(&s) <= PROTO_SIGNATURE_BLOCKS);
        assert(s.width >= 3 && s.width <= 8 && s.block <= n + 512);
    }
}

int main(void)
{
    RUN(vectors);
    RUN(shapes);
    RUN(alike);
    RUN(unlike);
    return 0;
}
