/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of buf.c: payloads that are built and read, without memory and
 * with bytes that lie.  realloc() is replaced by a fake that fails on demand.
 */
#include "config.h"

#include "test/unit/unit.h"

static int allocations_left = -1;   /* -1: any number */

static void *fake_realloc(void *p, size_t size)
{
    if (allocations_left == 0)
        return NULL;
    if (allocations_left > 0)
        allocations_left--;
    return realloc(p, size);
}

#define realloc fake_realloc
#include "plugin/base/buf.c"
#undef realloc

static void little_endian(void)
{
    static const uint8_t want[] = {
        0x12, 0x34, 0x12, 0x78, 0x56, 0x34, 0x12,
        0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01,
    };
    struct buf b = BUF_INIT;
    struct cursor c;

    buf_put_u8(&b, 0x12);
    buf_put_u16(&b, 0x1234);
    buf_put_u32(&b, 0x12345678);
    buf_put_u64(&b, UINT64_C(0x0123456789abcdef));
    assert(b.length == sizeof(want) && !memcmp(b.data, want, b.length));
    c = (struct cursor)CURSOR_INIT(b.data, b.length);
    assert(cursor_u8(&c) == 0x12);
    assert(cursor_u16(&c) == 0x1234);
    assert(cursor_u32(&c) == 0x12345678);
    assert(cursor_left(&c) == 8);
    assert(cursor_u64(&c) == UINT64_C(0x0123456789abcdef));
    assert(!c.bad && cursor_left(&c) == 0);
    buf_release(&b);
    assert(!b.data && !b.length && !b.size);
}

static const uint64_t values[] = {
    0, 1, 127, 128, 129, 16383, 16384, UINT32_MAX, UINT64_C(1) << 32,
    (UINT64_C(1) << 56) - 1, UINT64_C(1) << 56, UINT64_C(1) << 62,
    INT64_MAX, UINT64_C(1) << 63, UINT64_MAX - 1, UINT64_MAX,
};

static void varint_and_zigzag(void)
{
    struct buf b = BUF_INIT;
    struct cursor c;
    size_t i, cut;

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        buf_reset(&b);
        buf_put_varint(&b, values[i]);
        assert(b.length >= 1 && b.length <= 10);
        c = (struct cursor)CURSOR_INIT(b.data, b.length);
        assert(cursor_varint(&c) == values[i]);
        assert(!c.bad && cursor_left(&c) == 0);
        for (cut = 0; cut < b.length; cut++) {
            c = (struct cursor)CURSOR_INIT(b.data, cut);
            assert(cursor_varint(&c) == 0 && c.bad);
        }
        buf_reset(&b);
        buf_put_zigzag(&b, (int64_t)values[i]);
        buf_put_zigzag(&b, -(int64_t)(values[i] / 2));
        c = (struct cursor)CURSOR_INIT(b.data, b.length);
        assert(cursor_zigzag(&c) == (int64_t)values[i]);
        assert(cursor_zigzag(&c) == -(int64_t)(values[i] / 2));
        assert(!c.bad && cursor_left(&c) == 0);
    }
    buf_release(&b);
}

static void encodings(void)
{
    struct buf b = BUF_INIT;

    buf_put_varint(&b, 300);
    buf_put_zigzag(&b, -1);
    buf_put_zigzag(&b, 1);
    buf_put_zigzag(&b, INT64_MIN);
    assert(b.length == 4 + 10);
    assert(!memcmp(b.data, "\xac\x02\x01\x02\xff\xff\xff\xff\xff\xff\xff"
                   "\xff\xff\x01", b.length));
    buf_release(&b);
}

static uint64_t varint_of(const char *bytes, size_t n, struct cursor *c)
{
    *c = (struct cursor)CURSOR_INIT(bytes, n);
    return cursor_varint(c);
}

static void varint_too_long(void)
{
    struct cursor c;

    /* zeros at the end are a waste, but say what they say */
    assert(varint_of("\x81\x80\x00", 3, &c) == 1 && !c.bad);
    assert(varint_of("\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00", 10, &c) ==
           1 && !c.bad);
    /* eleven bytes */
    assert(varint_of("\x81\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11,
                     &c) == 0 && c.bad);
    /* ten bytes with more than 64 bits */
    assert(varint_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, &c) ==
           UINT64_MAX && !c.bad);
    assert(varint_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, &c) ==
           0 && c.bad);
    assert(varint_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10, &c) ==
           0 && c.bad);
}

static void past_the_end(void)
{
    uint8_t bytes[16] = { 1, 2, 3 };
    struct cursor c = CURSOR_INIT(bytes, 3);

    assert(!cursor_get(&c, SIZE_MAX) && c.bad);
    c = (struct cursor)CURSOR_INIT(bytes, 3);
    assert(cursor_get(&c, 3) == bytes && !c.bad);
    assert(cursor_get(&c, 0) == bytes + 3 && !c.bad);
    assert(cursor_u8(&c) == 0 && c.bad);
    c = (struct cursor)CURSOR_INIT(bytes, 3);
    assert(cursor_u32(&c) == 0 && c.bad);
    /* bad stays, even where the bytes would do */
    assert(cursor_u8(&c) == 0 && c.bad);
    assert(cursor_varint(&c) == 0 && cursor_zigzag(&c) == 0);
}

static void no_memory(void)
{
    static const uint8_t data[3000];
    struct buf b = BUF_INIT;
    unsigned n;

    for (n = 0; ; n++) {
        allocations_left = n;
        buf_put_u32(&b, 1);
        buf_put(&b, data, sizeof(data));
        buf_put_text(&b, "key", "value");
        if (!b.failed)
            break;
        assert(!buf_reserve(&b, 1));
        /* nothing is added after what is missing */
        assert(b.length == (n ? 4 : 0));
        buf_release(&b);
    }
    assert(n == 2);
    assert(b.length == 4 + sizeof(data) + 10);
    allocations_left = -1;
    assert(!buf_reserve(&b, SIZE_MAX - 100) && b.failed);
    buf_reset(&b);
    assert(!b.failed && b.length == 0 && buf_reserve(&b, 1));
    buf_release(&b);
}

static void text(void)
{
    struct buf b = BUF_INIT;
    uint64_t v;

    buf_put_text(&b, "id", "one");
    buf_put_text(&b, "idle", "a=b");
    buf_put_text(&b, "id", "");
    buf_put_text_u64(&b, "size", UINT64_MAX);
    assert(text_valid(b.data, b.length));
    assert(!text_valid(b.data, b.length - 1));
    assert(!strcmp(text_get(b.data, b.length, "id", 0), "one"));
    assert(!strcmp(text_get(b.data, b.length, "id", 1), ""));
    assert(!text_get(b.data, b.length, "id", 2));
    assert(!strcmp(text_get(b.data, b.length, "idle", 0), "a=b"));
    assert(!text_get(b.data, b.length, "i", 0));
    assert(!text_get(b.data, b.length, "idle2", 0));
    assert(!text_get_u64(b.data, b.length, "size", &v) && v == UINT64_MAX);
    assert(text_get_u64(b.data, b.length, "none", &v) == -EPROTO);
    assert(text_get_u64(b.data, b.length, "id", &v) == -EPROTO);
    buf_release(&b);

    assert(text_valid("", 0));
    assert(text_valid("=\0a=", 5));
    assert(!text_valid("a=b", 3));
    assert(!text_valid("ab\0", 3));
    assert(!text_valid("a=b\0\0", 5));
    assert(!text_valid("ab\0c=d", 7));
}

static bool is_number(const char *s, uint64_t want)
{
    struct buf b = BUF_INIT;
    uint64_t v = 0;
    bool ok;

    buf_put_text(&b, "n", s);
    ok = !text_get_u64(b.data, b.length, "n", &v);
    buf_release(&b);
    return ok && v == want;
}

static void numbers(void)
{
    assert(is_number("0", 0));
    assert(is_number("72057594037927937", (UINT64_C(1) << 56) + 1));
    assert(!is_number("18446744073709551616", UINT64_MAX));
    assert(!is_number("-1", UINT64_MAX));
    assert(!is_number(" 1", 1));
    assert(!is_number("+1", 1));
    assert(!is_number("1 ", 1));
    assert(!is_number("0x10", 16));
    assert(!is_number("", 0));
}

int main(void)
{
    RUN(little_endian);
    RUN(varint_and_zigzag);
    RUN(encodings);
    RUN(varint_too_long);
    RUN(past_the_end);
    RUN(no_memory);
    RUN(text);
    RUN(numbers);
    return 0;
}
