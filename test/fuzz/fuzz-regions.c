/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a parser that belongs to a guest may answer (fsparse/record.h), and the
 * map that becomes of it (fsparse/fsparse.h).
 *
 * Input: u8 (bit 0: what follows is the answer as it stands), u16 sectors of
 * the image, u8 pairs of holes and data in it, each u8 sectors; then for each
 * record u8 type and what make_record() reads.  Places are in half sectors, so
 * that they meet.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fsparse/record.h"
#include "plugin/base/buf.h"
#include "test/fuzz/fuzz.h"
#include "test/fuzz/map.h"

#define SECTOR 512u
#define HALF 256u
#define PLAIN 0x40              /* of a type: for the second answer */

static void put_string(struct buf *b, struct fuzz_input *in)
{
    size_t length = fuzz_u8(in) % 16;
    const uint8_t *text = fuzz_bytes(in, &length);

    buf_put_u16(b, (uint16_t)length);
    buf_put(b, text, length);
}

static uint64_t place(struct fuzz_input *in)
{
    uint16_t n = fuzz_u16(in);

    /* Now and then one that is too large for anything. */
    return n >= 0xfff0 ? UINT64_MAX << (n & 15) : (uint64_t)n * HALF;
}

static void put_file(struct buf *b, struct fuzz_input *in)
{
    uint32_t flags;
    size_t length;
    const uint8_t *data;

    buf_put_u32(b, fuzz_u8(in));
    flags = fuzz_u8(in);
    buf_put_u32(b, flags);
    buf_put_u64(b, fuzz_u8(in));
    length = fuzz_u8(in);
    buf_put_u64(b, flags & FSPARSE_INLINE ? length : place(in));
    buf_put_u64(b, 0);
    buf_put_u16(b, 2);
    buf_put(b, "/f", 2);
    put_string(b, in);
    if (!(flags & FSPARSE_INLINE))
        return;
    data = fuzz_bytes(in, &length);
    buf_put(b, data, length);
}

static void put_extents(struct buf *b, struct fuzz_input *in)
{
    unsigned n = fuzz_u8(in) % 32;

    for (; n; n--) {
        buf_put_u64(b, place(in));
        buf_put_u64(b, place(in));
        buf_put_u64(b, place(in));
    }
}

static void put_partition(struct buf *b, struct fuzz_input *in)
{
    unsigned i;

    buf_put_u32(b, fuzz_u8(in));
    buf_put_u64(b, place(in));
    buf_put_u64(b, place(in));
    for (i = 0; i < 4; i++)
        put_string(b, in);
}

static void put_payload(struct buf *b, struct fuzz_input *in, unsigned type)
{
    size_t length;
    const uint8_t *data;

    switch (type) {
    case RECORD_PARTITION:
        put_partition(b, in);
        break;
    case RECORD_FILE:
        put_file(b, in);
        break;
    case RECORD_EXTENTS:
        put_extents(b, in);
        break;
    case RECORD_FLAGS:
    case RECORD_PARSED:
        buf_put_u32(b, fuzz_u8(in));
        break;
    case RECORD_NOTE:
    case RECORD_DOUBT:
        buf_put_u32(b, fuzz_u8(in));
        put_string(b, in);
        break;
    case RECORD_FREE:
        buf_put_u32(b, fuzz_u8(in));
        buf_put_u64(b, place(in));
        buf_put_u64(b, place(in));
        break;
    case RECORD_PLAIN:
        buf_put_u32(b, fuzz_u8(in));
        buf_put_u64(b, fuzz_u16(in));
        break;
    default:
        length = fuzz_u8(in);
        data = fuzz_bytes(in, &length);
        buf_put(b, data, length);
        break;
    }
}

static void make_record(struct buf *all, struct fuzz_input *in, unsigned type)
{
    struct buf b = BUF_INIT;

    put_payload(&b, in, type);
    buf_put_u32(all, type);
    buf_put_u32(all, (uint32_t)b.length);
    buf_put(all, b.data, b.length);
    buf_release(&b);
}

/* Returns the size of the image. */
static uint64_t make_image(struct fuzz_input *in, int fd)
{
    uint64_t size = (uint64_t)fuzz_u16(in) * SECTOR, at = 0;
    unsigned pairs = fuzz_u8(in);
    uint8_t data[SECTOR];

    memset(data, 1, sizeof(data));
    FUZZ_CHECK(!ftruncate(fd, (off_t)size));
    for (; pairs; pairs--) {
        /* A hole is a page at least. */
        at += fuzz_u8(in) * UINT64_C(4096);
        if (at >= size)
            break;
        FUZZ_CHECK(pwrite(fd, data, 1, (off_t)at) == 1);
        at += 4096;
    }
    return size;
}

static struct buf map, plain;

static void answer_with(const char *task, int image_fd, int request_fd,
                        struct buf *answer)
{
    const struct buf *b = task && !strcmp(task, "plain") ? &plain : &map;

    (void)image_fd;
    (void)request_fd;
    buf_put(answer, b->data, b->length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };
    bool raw = fuzz_u8(&in) & 1;
    int fd = fuzz_file("", 0);
    uint64_t image_size = make_image(&in, fd);
    uint8_t type;

    buf_reset(&map);
    buf_reset(&plain);
    buf_put(&map, RECORD_MAGIC, RECORD_MAGIC_BYTES);
    buf_put(&plain, RECORD_MAGIC, RECORD_MAGIC_BYTES);
    if (raw)
        buf_put(&map, in.next, in.left);
    while (!raw && in.left) {
        type = fuzz_u8(&in);
        make_record(type & PLAIN ? &plain : &map, &in, type & (PLAIN - 1));
    }
    FUZZ_CHECK(!map.failed && !plain.failed);
    map_check(fd, image_size, answer_with);
    close(fd);
    return 0;
}
