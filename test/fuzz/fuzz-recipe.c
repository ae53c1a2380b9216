/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What recipes are made with (plugin/match): a peer's hashes of a file, in
 * which content is looked for, and the operands of code.
 *
 * Input: u8 how (bit 0: the hashes are the input's; bit 1: so are the
 * operands), u8 bytes of a block beyond the least, u8 bytes of a hash, u8 of
 * the pieces in which content comes, u16 bytes of the file, the file, and the
 * content.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/match/rolling.h"
#include "plugin/match/x86_bcj.h"
#include "plugin/match/x86_operands.h"
#include "plugin/proto.h"
#include "test/fuzz/fuzz.h"

static const uint8_t key[ROLLING_KEY_BYTES] = { 7 };

struct text {
    const uint8_t *data;
    size_t length;
};

/* Searching */

struct result {
    struct buf made;
    struct text file;
};

static int take_literal(void *opaque, const uint8_t *data, size_t length)
{
    struct result *r = opaque;

    buf_put(&r->made, data, length);
    return 0;
}

static int take_copy(void *opaque, uint64_t offset, uint64_t length)
{
    struct result *r = opaque;

    FUZZ_CHECK(length && offset <= r->file.length &&
               length <= r->file.length - offset);
    buf_put(&r->made, r->file.data + offset, length);
    return 0;
}

static void put_hashes(struct buf *b, const struct rolling *r,
                       const struct block_signature *s, struct text file)
{
    size_t at, n;
    uint64_t hash;
    unsigned i;

    for (at = 0; at < file.length; at += n) {
        n = file.length - at < s->block ? file.length - at : s->block;
        hash = rolling_add(r, 0, file.data + at, n);
        hash = rolling_cut(r, hash, s->width);
        for (i = 0; i < s->width; i++)
            buf_put_u8(b, (uint8_t)(hash >> (8 * i)));
    }
}

/* Hashes of eight bytes tell, and no others; whatever they are, the result is
 * as long as the content. */
static void search(struct text file, struct text content, size_t block,
                   unsigned width, size_t piece, bool foreign)
{
    struct result result = { .file = file };
    struct matcher_sink sink = { take_literal, take_copy, &result };
    struct block_signature s = { .size = file.length,
                                 .block = (uint32_t)block, .width = width };
    struct buf hashes = BUF_INIT;
    struct matcher *m;
    struct rolling r;
    size_t at, n;

    rolling_init(&r, key);
    put_hashes(&hashes, &r, &s, file);
    FUZZ_CHECK(hashes.length == block_signature_count(&s) * width);
    for (at = 0; foreign && at < hashes.length; at++)
        hashes.data[at] = content.data[at % content.length];
    s.hashes = hashes.data;
    FUZZ_CHECK(!matcher_new(&m, &r, &s, &sink));
    for (at = 0; at < content.length; at += n) {
        n = content.length - at < piece ? content.length - at : piece;
        FUZZ_CHECK(!matcher_feed(m, content.data + at, n));
    }
    FUZZ_CHECK(!matcher_end(m));
    matcher_free(m);
    FUZZ_CHECK(!result.made.failed && result.made.length == content.length);
    FUZZ_CHECK(foreign || width < 8 ||
               !memcmp(result.made.data, content.data, content.length));
    buf_release(&result.made);
    buf_release(&hashes);
}

/* Code */

static size_t beyond(size_t left)
{
    return left < X86_OPERANDS_BEYOND ? left : X86_OPERANDS_BEYOND;
}

static void split(uint8_t *p, size_t length, size_t piece,
                  struct buf *operands)
{
    struct x86_operands x = { .size = length };
    size_t at, n;

    for (at = 0; at < length; at += n) {
        n = length - at < piece ? length - at : piece;
        x86_operands_split(&x, p + at, n, beyond(length - at - n), operands);
    }
}

static bool join(uint8_t *p, size_t length, size_t piece,
                 const void *operands, size_t operands_length)
{
    struct x86_operands x = { .size = length };
    struct cursor c = CURSOR_INIT(operands, operands_length);
    size_t at, n;

    for (at = 0; at < length; at += n) {
        n = length - at < piece ? length - at : piece;
        x86_operands_join(&x, p + at, n, beyond(length - at - n), &c);
    }
    return !c.bad && cursor_left(&c) == 0;
}

/* A copy of just this size. */
static uint8_t *copy_of(struct text content)
{
    uint8_t *p = malloc(content.length);

    FUZZ_CHECK(p);
    memcpy(p, content.data, content.length);
    return p;
}

static void take_apart(struct text content, struct text other, size_t piece,
                       bool foreign)
{
    uint8_t *p = copy_of(content);
    struct buf operands = BUF_INIT;

    split(p, content.length, piece, &operands);
    FUZZ_CHECK(!operands.failed);
    if (foreign) {
        join(p, content.length, piece + 3, other.data, other.length);
    } else {
        FUZZ_CHECK(join(p, content.length, piece + 3, operands.data,
                        operands.length));
        FUZZ_CHECK(!memcmp(p, content.data, content.length));
    }
    buf_release(&operands);
    free(p);
}

static void turn_places(struct text content, uint64_t offset)
{
    uint8_t *p = copy_of(content);

    x86_bcj_begins(p, content.length);
    x86_bcj_to_places(p, content.length, offset);
    x86_bcj_to_distances(p, content.length, offset);
    FUZZ_CHECK(!memcmp(p, content.data, content.length));
    free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };
    uint8_t how = fuzz_u8(&in);
    size_t block = PROTO_SIGNATURE_BLOCK_MIN + fuzz_u8(&in), piece;
    unsigned width = fuzz_u8(&in) % 8 + 1;
    struct text file, content;

    piece = fuzz_u8(&in) * 5u + 1;
    file.length = fuzz_u16(&in);
    file.data = fuzz_bytes(&in, &file.length);
    content = (struct text){ in.next, in.left };
    if (!content.length)
        return 0;
    if (file.length)
        search(file, content, block, width, piece, how & 1);
    take_apart(content, file, piece, how & 2);
    turn_places(content, (uint64_t)how << 24);
    return 0;
}
