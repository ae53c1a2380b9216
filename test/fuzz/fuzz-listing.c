/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Listings that both hosts know (plugin/wire/listing.h): what a source sends as
 * LISTING, and the file that is kept.
 *
 * Input: u8 how (bit 0: the payloads are the input's bytes as they stand; else
 * a content is packed with the old listing, and must come out again), u16
 * length of the old listing, u8 bytes of a piece, the old listing, and the
 * content.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "plugin/proto.h"
#include "plugin/wire/listing.h"
#include "test/fuzz/session.h"

/* It is there: listings of disks that are not are removed. */
#define DISK "/dev/null"

/* The frames that came out of a listing, as they were in it. */
struct frames {
    struct buf all;
    unsigned n;
};

static int take(void *opaque, const struct frame *f)
{
    struct frames *t = opaque;

    FUZZ_CHECK(f->type == FRAME_MANIFEST || f->type == FRAME_SEGMENTS);
    FUZZ_CHECK(f->length <= PROTO_RAW_MAX && f->disk == 3);
    buf_put_u16(&t->all, f->type);
    buf_put_u32(&t->all, (uint32_t)f->length);
    buf_put(&t->all, f->data, f->length);
    t->n++;
    return 0;
}

static struct listing *reopen(struct listing *l)
{
    listing_free(l);
    l = listing_open(session_directory(), DISK, NULL);
    FUZZ_CHECK(l);
    return l;
}

/* One with a frame of these bytes is kept. */
static struct listing *keep(const uint8_t *old, size_t length)
{
    struct frame f = { .type = FRAME_MANIFEST, .disk = 3,
                       .data = (uint8_t *)(uintptr_t)old, .length = length };
    uint8_t digest[HASH_BYTES];
    struct listing *l = reopen(NULL);

    listing_note(l, &f);
    listing_note_end(l);
    listing_keep(l);
    l = reopen(l);
    FUZZ_CHECK(listing_digest(l, digest));
    listing_agree(l);
    return l;
}

/* The listing that is kept, as the peer has it. */
static void put_old(struct buf *b, const uint8_t *old, size_t length)
{
    buf_put_u16(b, FRAME_MANIFEST);
    buf_put_u32(b, (uint32_t)length);
    buf_put(b, old, length);
}

static void pack(struct buf *out, const struct buf *old, const uint8_t *content,
                 size_t length)
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    size_t bound = ZSTD_compressBound(length), n;
    uint8_t *p = buf_reserve(out, bound);

    FUZZ_CHECK(c && p);
    FUZZ_CHECK(!ZSTD_isError(ZSTD_CCtx_refPrefix(c, old->data, old->length)));
    n = ZSTD_compress2(c, p, bound, content, length);
    FUZZ_CHECK(!ZSTD_isError(n));
    out->length += n;
    ZSTD_freeCCtx(c);
}

/* Whether all of it was taken. */
static bool give(struct listing *l, struct frames *t, const uint8_t *p,
                 size_t length, size_t piece)
{
    struct frame f = { .type = FRAME_LISTING, .disk = 3 };
    size_t n;

    for (; length; p += n, length -= n) {
        n = length < piece ? length : piece;
        f.data = malloc(n);
        FUZZ_CHECK(f.data);
        memcpy(f.data, p, n);
        f.length = n;
        n = listing_take(l, &f, take, t) ? 0 : n;
        free(f.data);
        if (!n)
            return false;
    }
    return true;
}

/* The length of the frames that content is. */
static size_t whole_frames(const uint8_t *content, size_t length)
{
    struct cursor c = CURSOR_INIT(content, length);
    size_t done = 0;

    while (cursor_left(&c) >= 6) {
        cursor_u16(&c);
        if (!cursor_get(&c, cursor_u32(&c)))
            break;
        done = length - cursor_left(&c);
    }
    return done;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };
    uint8_t how = fuzz_u8(&in);
    size_t old_length = fuzz_u16(&in), piece = fuzz_u8(&in) + 1u;
    const uint8_t *old = fuzz_bytes(&in, &old_length);
    struct buf packed = BUF_INIT, prefix = BUF_INIT;
    struct frames t = { .all = BUF_INIT };
    struct listing *l;
    bool taken;

    fuzz_quiet();
    l = keep(old, old_length);
    put_old(&prefix, old, old_length);
    if (how & 1)
        buf_put(&packed, in.next, in.left);
    else
        pack(&packed, &prefix, in.next, in.left);
    taken = give(l, &t, packed.data, packed.length, piece * 7);
    FUZZ_CHECK(!t.all.failed);
    if (!(how & 1)) {
        FUZZ_CHECK(t.all.length <= in.left);
        FUZZ_CHECK(!t.all.length ||
                   !memcmp(t.all.data, in.next, t.all.length));
        FUZZ_CHECK(!taken || t.all.length == whole_frames(in.next, in.left));
    }
    listing_free(l);
    buf_release(&packed);
    buf_release(&prefix);
    buf_release(&t.all);
    return 0;
}
