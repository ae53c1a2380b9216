/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of rolling.c: what matcher and signature make of two files gives
 * the new one again, whatever the files are, and little of it is sent when they
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

static uint8_t *hashes(const struct rolling *r,
                       const struct block_signature *s, const uint8_t *held)
{
    uint8_t *out = allocate(block_signature_count(s) * s->width), *p = out;
    uint64_t at, n, hash;
    unsigned k;

    for (at = 0; at < s->size; at += n) {
        n = s->size - at < s->block ? s->size - at : s->block;
        hash = rolling_cut(r, rolling_add(r, 0, held + at, n), s->width);
        for (k = 0; k < s->width; k++)
            *p++ = hash >> 8 * k;
    }
    assert(p == out + block_signature_count(s) * s->width);
    return out;
}

/* Returns how many bytes of the new file had to be sent. */
static size_t make(const uint8_t *held, size_t held_size, const uint8_t *now,
                   size_t size, size_t feed)
{
    struct made made = { held, held_size, allocate(size), 0, size, 0 };
    struct matcher_sink sink = { take_literal, take_copy, &made };
    struct block_signature s = { .size = held_size };
    struct matcher *m;
    struct rolling r;
    uint8_t *list;
    size_t at, n;

    rolling_init(&r, key);
    block_signature_shape(&s);
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
    struct block_signature s;
    uint64_t n;

    for (n = 1; n < UINT64_C(1) << 42; n = n * 3 + 1) {
        s.size = n;
        block_signature_shape(&s);
        assert(block_signature_count(&s) <= PROTO_SIGNATURE_BLOCKS);
        assert(s.width >= 3 && s.width <= 8 && s.block <= n + 512);
    }
}

static void values_of(const uint8_t *data, size_t n, size_t feed,
                      uint32_t values[RESEMBLANCE_VALUES])
{
    struct resemblance a;
    size_t at, length;

    resemblance_init(&a, key);
    for (at = 0; at < n; at += length) {
        length = n - at < feed ? n - at : feed;
        resemblance_add(&a, data + at, length);
    }
    resemblance_end(&a, values);
}

/* The values are those that wire.py computes, however the content comes; and
 * two of them tell versions of a file from other content. */
static void resemblances(void)
{
    static const uint32_t made[RESEMBLANCE_VALUES] = {
        0x405eb167, 0x77b1c991, 0x15a625af, 0xe5ec810e,
        0x5c154af3, 0x51bb5ba7, 0x25e72e1c, 0x57a323b7 };
    uint32_t v[RESEMBLANCE_VALUES], w[RESEMBLANCE_VALUES];
    uint8_t *a = allocate(SIZE), *b = allocate(SIZE), c[300];
    size_t i;

    for (i = 0; i < sizeof(c); i++)
        c[i] = i * i * 7 + i;
    for (i = 1; i < sizeof(c); i += 7) {
        values_of(c, sizeof(c), i, v);
        assert(!memcmp(v, made, sizeof(v)));
    }
    /* one window, however often; fewer bytes than one */
    memset(a, 0, SIZE);
    values_of(a, SIZE, 1000, v);
    assert(v[0] && !v[1] && !v[7]);
    values_of(a, RESEMBLANCE_WINDOW - 1, 1000, w);
    assert(!w[0] && resemblance_compare(w, w) == 0);
    assert(resemblance_compare(v, v) == 1);
    noise(a, SIZE, 1);
    noise(b, SIZE, 2);
    values_of(a, SIZE, 4096, v);
    values_of(b, SIZE, 4096, w);
    assert(resemblance_compare(v, w) == 0);
    assert(resemblance_compare(v, v) == RESEMBLANCE_VALUES);
    /* three quarters are the same, at another place */
    memcpy(b, a + SIZE / 4, SIZE - SIZE / 4);
    values_of(b, SIZE, 4096, w);
    assert(resemblance_compare(v, w) >= 2);
    /* a value that is shown more than once counts once */
    for (i = 0; i < RESEMBLANCE_VALUES; i++)
        w[i] = v[3];
    assert(resemblance_compare(v, w) == 1);
    free(a);
    free(b);
}

int main(void)
{
    RUN(vectors);
    RUN(shapes);
    RUN(alike);
    RUN(unlike);
    RUN(resemblances);
    return 0;
}
