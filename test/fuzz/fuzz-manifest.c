/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MANIFEST frames as the target takes them (plugin/target/objects.h): whoever
 * uses an object afterwards relies on its extents.
 *
 * Input: u8 how (bit 0: the rest is a frame as it stands), u16 KiB of the disk,
 * and objects: u8 (its lowest bits: kind; 0x80: the frame ends with it), u16
 * size, u8 extents, and of each u8 gap before it, u16 place and u16 length.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/target/objects.h"
#include "test/fuzz/fuzz.h"

static void check_object(const struct target_disk *d, const struct batch *b,
                         const struct wire_object *o)
{
    uint64_t end = 0;
    uint32_t i;

    FUZZ_CHECK(o->n_extents > 0 && o->kind <= KIND_UNPARSED);
    for (i = 0; i < o->n_extents; i++) {
        const struct fsparse_extent *e = &b->extents[o->first_extent + i];

        FUZZ_CHECK(e->length && e->logical >= end && e->logical <= o->size &&
                   e->length <= o->size - e->logical);
        FUZZ_CHECK(e->physical <= d->size &&
                   e->length <= d->size - e->physical);
        end = e->logical + e->length;
    }
    FUZZ_CHECK(o->kind != KIND_UNPARSED ||
               (o->n_extents == 1 && o->size <= PROTO_LIST_OBJECT_MAX));
}

static void check_all(const struct target_disk *d)
{
    struct fsparse_extent *all;
    const struct batch *b;
    uint64_t i, n;

    for (i = 0; i < objects_count(d); i++) {
        struct wire_object *o = objects_find(d, i, &b);

        FUZZ_CHECK(o && object_number(b, o) == i);
        check_object(d, b, o);
    }
    FUZZ_CHECK(!objects_find(d, i, &b));
    all = objects_extents(d, &n);
    FUZZ_CHECK(all && n == objects_extents_count(d));
    for (i = 1; i < n; i++)
        FUZZ_CHECK(all[i - 1].physical <= all[i].physical);
    free(all);
}

static void put_object(struct buf *b, struct fuzz_input *in, uint8_t word,
                       uint64_t *end)
{
    static const uint8_t digest[PROTO_SHORT_DIGEST];
    unsigned n;
    uint64_t place, length;

    buf_put(b, digest, sizeof(digest));
    buf_put_varint(b, fuzz_u16(in));
    n = fuzz_u8(in);
    buf_put_varint(b, (uint64_t)n << PROTO_KIND_BITS | (word & 3));
    for (; n && in->left; n--) {
        buf_put_varint(b, fuzz_u8(in));
        place = fuzz_u16(in);
        length = fuzz_u16(in);
        buf_put_zigzag(b, (int64_t)(place - *end));
        buf_put_varint(b, length);
        *end = place + length;
    }
}

static void make_frame(struct buf *b, struct fuzz_input *in, uint64_t first)
{
    struct buf objects = BUF_INIT;
    uint64_t end = 0;
    uint32_t n = 0;
    uint8_t word = 0;

    while (in->left && !(word & 0x80)) {
        word = fuzz_u8(in);
        put_object(&objects, in, word, &end);
        n++;
    }
    buf_put_u64(b, first);
    buf_put_u32(b, n);
    buf_put(b, objects.data, objects.length);
    buf_release(&objects);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };
    bool raw = fuzz_u8(&in) & 1;
    struct target_disk d = { .size = (uint64_t)fuzz_u16(&in) * 1024 };
    struct buf b = BUF_INIT;
    struct frame f;
    struct batch *batch;
    int rc = 0;

    while (!rc && in.left) {
        buf_reset(&b);
        if (raw) {
            buf_put(&b, in.next, in.left);
            in.left = 0;
        } else {
            make_frame(&b, &in, objects_count(&d));
        }
        FUZZ_CHECK(!b.failed);
        f = (struct frame){ .type = FRAME_MANIFEST, .data = b.data,
                            .length = (uint32_t)b.length };
        rc = objects_take(&d, &f, &batch);
    }
    if (!rc)
        check_all(&d);
    objects_release(&d);
    buf_release(&b);
    return 0;
}
