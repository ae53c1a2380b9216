/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of x86_operands.c: any bytes come back as they were, in whatever
 * pieces they come and go; programs that differ by what was put into them have
 * the same skeleton there; a skeleton can be begun in the middle. */
#include "config.h"

#include "plugin/match/x86_operands.h"
#include "test/unit/unit.h"

#define SIZE 6000u
#define BLOCK 64u

struct parts {
    uint8_t skeleton[SIZE];
    struct buf operands;
    uint8_t skips[SIZE / BLOCK + 1];
};

static size_t piece_of(size_t left, size_t most)
{
    size_t n = most ? most : draw() % 300;

    return n < left ? n : left;
}

static size_t beyond_of(size_t left)
{
    return left < X86_OPERANDS_BEYOND ? left : X86_OPERANDS_BEYOND;
}

/* pieces: the bytes in each, or 0 for any number. */
static void take_apart(const uint8_t *content, size_t size, size_t pieces,
                       struct parts *out)
{
    struct x86_operands s = { .size = size };
    size_t at, n;

    buf_reset(&out->operands);
    memcpy(out->skeleton, content, size);
    for (at = 0; at < size; at += n) {
        n = piece_of(size - at, pieces);
        if (pieces == BLOCK)
            out->skips[at / BLOCK] = s.skip;
        x86_operands_split(&s, out->skeleton + at, n, beyond_of(size - at - n),
                       &out->operands);
        assert(s.offset == at + n && s.skip <= X86_OPERANDS_BEYOND);
    }
}

/* *left_r: operands that were not needed; returns whether there were enough. */
static bool put_together(uint8_t *data, size_t size, const struct buf *b,
                         size_t *left_r)
{
    struct cursor c = CURSOR_INIT(b->data, b->length);
    struct x86_operands s = { .size = size };
    size_t at, n;

    for (at = 0; at < size; at += n) {
        n = piece_of(size - at, 0);
        x86_operands_join(&s, data + at, n, beyond_of(size - at - n), &c);
    }
    *left_r = cursor_left(&c);
    return !c.bad;
}

/* What looks like code as often as it can. */
static void any_bytes(uint8_t *data, size_t size)
{
    static const uint8_t often[] = { 0xe8, 0xe9, 0x0f, 0x84, 0x05, 0x3d, 0x85,
                                     0x7f, 0x7f, 0, 0, 0, 0, 0x10, 0xff, 0xff,
                                     0xf0 };
    size_t i;

    for (i = 0; i < size; i++)
        data[i] = draw() % 4 ? often[draw() % sizeof(often)] : draw();
}

static void test_any_bytes(void)
{
    struct parts a = { .operands = BUF_INIT }, b = { .operands = BUF_INIT };
    uint8_t content[SIZE];
    size_t size, left, most = 0;
    unsigned round;

    for (round = 0; round < 2000; round++) {
        size = draw() % (round % 2 ? SIZE : 40);
        any_bytes(content, size);
        take_apart(content, size, SIZE, &a);
        take_apart(content, size, 0, &b);
        assert(!memcmp(a.skeleton, b.skeleton, size));
        assert(a.operands.length == b.operands.length);
        if (a.operands.length > most)
            most = a.operands.length;
        assert(put_together(b.skeleton, size, &b.operands, &left));
        assert(!memcmp(b.skeleton, content, size) && left == 0);
        /* what a peer sends may be anything */
        put_together(content, size, &a.operands, &left);
    }
    assert(most > 100);
    buf_release(&a.operands);
    buf_release(&b.operands);
}

static void test_missing(void)
{
    uint8_t content[] = { 0xe8, 0x7f, 0x7f, 0x7f, 0x7f, 0x90 };
    struct buf none = BUF_INIT;
    size_t left;

    assert(!put_together(content, sizeof(content), &none, &left));
}

/* What is read of a block alone is what it is in the whole. */
static void test_blocks(void)
{
    struct parts a = { .operands = BUF_INIT };
    uint8_t content[SIZE], block[BLOCK + X86_OPERANDS_BEYOND];
    struct x86_operands s;
    size_t at, skipped = 0, n;
    unsigned round;

    for (round = 0; round < 100; round++) {
        any_bytes(content, SIZE);
        take_apart(content, SIZE, BLOCK, &a);
        for (at = 0; at < SIZE; at += BLOCK) {
            n = SIZE - at < BLOCK ? SIZE - at : BLOCK;
            memcpy(block, content + at, n + beyond_of(SIZE - at - n));
            s = (struct x86_operands){ SIZE, at, a.skips[at / BLOCK] };
            skipped += s.skip > 0;
            x86_operands_split(&s, block, n, beyond_of(SIZE - at - n), NULL);
            assert(!memcmp(block, a.skeleton + at, n));
        }
    }
    assert(skipped > 100);
    buf_release(&a.operands);
}

static void put_code(uint8_t *p, const char *opcode, size_t n, int32_t to,
                     int32_t from)
{
    uint32_t v = to - from - (int32_t)n - 4;

    memcpy(p, opcode, n);
    p[n] = v;
    p[n + 1] = v >> 8;
    p[n + 2] = v >> 16;
    p[n + 3] = v >> 24;
}

/* A call, a jump, a load, and what is near; once with something in front. */
static void make_program(uint8_t *p, size_t shift)
{
    size_t i;

    memset(p, 0x90, SIZE);
    memset(p, 0xcc, 10 + shift);
    put_code(p + 10 + shift, "\xe8", 1, 5500, 10 + shift);
    put_code(p + 40 + shift, "\x0f\x85", 2, 5600, 40 + shift);
    put_code(p + 70 + shift, "\x48\x8b\x05", 3, 5700, 70 + shift);
    put_code(p + 90 + shift, "\xe9", 1, 300 + shift, 90 + shift);
    for (i = 5400; i < SIZE; i++)
        p[i] = 0xcc;
}

static void test_shifted(void)
{
    struct parts a = { .operands = BUF_INIT }, b = { .operands = BUF_INIT };
    static const uint8_t operands[] = { 5500 & 255, 5500 >> 8, 0, 0,
                                        5600 & 255, 5600 >> 8, 0, 0,
                                        5700 & 255, 5700 >> 8, 0, 0 };
    static const uint8_t call[] = { 0xe8, 0x7f, 0x7f, 0x7f, 0x7f, 0x90 };
    uint8_t content[SIZE];

    make_program(content, 0);
    take_apart(content, SIZE, 0, &a);
    make_program(content, 7);
    take_apart(content, SIZE, 0, &b);
    assert(!memcmp(a.skeleton + 10, b.skeleton + 17, 5000));
    assert(!memcmp(a.skeleton + 10, call, sizeof(call)));
    assert(!memcmp(a.skeleton + 90, content + 97, 10));
    assert(a.operands.length == sizeof(operands) &&
           b.operands.length == sizeof(operands));
    assert(!memcmp(a.operands.data, operands, sizeof(operands)));
    assert(!memcmp(b.operands.data, operands, sizeof(operands)));
    buf_release(&a.operands);
    buf_release(&b.operands);
}

static bool ends_opcode(unsigned byte)
{
    return byte == 0xe8 || byte == 0xe9 || (byte & 0xc7) == 0x05;
}

static void test_opcodes(void)
{
    struct parts a = { .operands = BUF_INIT };
    uint8_t content[SIZE];
    char opcode[3] = "";
    unsigned i;

    for (i = 0; i < 512; i++) {
        memset(content, 0x90, SIZE);
        opcode[0] = i < 256 ? 0x90 : 0x0f;
        opcode[1] = i;
        put_code(content, opcode, 2, 5000, 0);
        take_apart(content, SIZE, 0, &a);
        assert((a.operands.length > 0) ==
               (ends_opcode(i & 255) || (i >= 256 + 0x80 && i < 256 + 0x90)));
    }
    buf_release(&a.operands);
}

/* Where a distance is one that may be an operand. */
static void test_far(void)
{
    static const struct {
        int32_t to;
        size_t operands;
    } cases[] = {
        { 5000, 0 }, { 5000 + 4095, 0 }, { 5000 + 4096, 4 }, { 5000 - 4095, 0 },
        { 5000 - 4096, 4 }, { 0, 4 }, { -1, 0 },
        { SIZE + (1 << 20) - 1, 4 }, { SIZE + (1 << 20), 0 },
        { 5000 + 0x7f7f7f7f, 4 }, { INT32_MIN + 5000, 0 }
    };
    struct parts a = { .operands = BUF_INIT };
    uint8_t content[SIZE];
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        memset(content, 0x90, SIZE);
        put_code(content + 4995, "\xe8", 1, cases[i].to, 4995);
        take_apart(content, SIZE, 0, &a);
        assert(a.operands.length == cases[i].operands);
    }
    buf_release(&a.operands);
}

int main(void)
{
    seed_draw(21);
    RUN(test_any_bytes);
    RUN(test_missing);
    RUN(test_blocks);
    RUN(test_shifted);
    RUN(test_opcodes);
    RUN(test_far);
    return 0;
}
