/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames of the memory stream as the target takes them
 * (plugin/memory/memreceive.h); what is in a CODED frame is fuzz-memory's.
 *
 * Input: frames: u8 kind (enum kind, and in its upper half a number), u8 length
 * of the payload, and it.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "plugin/memory/memreceive.h"
#include "plugin/proto.h"
#include "test/fuzz/session.h"

#define FRAMES_MAX 64

enum kind {
    KIND_MEMORY, KIND_KEY, KIND_STORED, KIND_PACKED, KIND_FAST, KIND_BYTES,
    KIND_OTHER, KIND_MISSING, KINDS,
};

static ZSTD_CCtx *packers[2];
static struct wire *wire;

static int take_output(void *opaque, const void *data, size_t length)
{
    (void)opaque;
    FUZZ_CHECK(data && length);
    return 0;
}

static int read_nothing(void *opaque, uint64_t disk, uint64_t offset,
                        void *data, size_t length)
{
    (void)opaque;
    (void)disk;
    (void)offset;
    memset(data, 0, length);
    return 0;
}

/* So that nobody waits for an answer. */
static void say_failed(void *opaque, int rc)
{
    (void)opaque;
    FUZZ_CHECK(rc < 0);
    wire_send(wire, FRAME_FAIL, PROTO_NO_DISK, NULL, 0);
}

static void pack(struct buf *b, ZSTD_CCtx *c, const void *data, size_t length)
{
    ZSTD_inBuffer in = { data, length, 0 };
    ZSTD_outBuffer out = { NULL, ZSTD_compressBound(length) + 512, 0 };

    ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, 17);
    out.dst = buf_reserve(b, out.size);
    FUZZ_CHECK(out.dst);
    FUZZ_CHECK(!ZSTD_compressStream2(c, &out, &in, ZSTD_e_flush));
    b->length += out.pos;
}

/* Commands that are the input's, and pages on a disk that are missed. */
static void put_coded(struct buf *b, enum kind kind, const uint8_t *data,
                      size_t length, unsigned number)
{
    struct buf content = BUF_INIT;
    unsigned i;

    if (kind == KIND_MISSING) {
        buf_put_u32(&content, 3 + 8 * (number + 1));
        buf_put_varint(&content, (number + 1) << MEMORY_OP_BITS | MEMORY_DISK);
        buf_put_varint(&content, 0);
        buf_put_zigzag(&content, 0);
        for (i = 0; i <= number; i++)
            buf_put_u64(&content, i);
        content.data[0] = (uint8_t)(content.length - 4);
    }
    buf_put(&content, data, length);
    FUZZ_CHECK(!content.failed);
    buf_put_u8(b, kind == KIND_PACKED ? MEMORY_PACKED :
                  kind == KIND_FAST ? MEMORY_FAST : MEMORY_STORED);
    buf_put_u32(b, (uint32_t)content.length);
    if (kind == KIND_PACKED || kind == KIND_FAST)
        pack(b, packers[kind - KIND_PACKED], content.data, content.length);
    else
        buf_put(b, content.data, content.length);
    buf_release(&content);
}

static uint16_t put_frame(struct buf *b, struct fuzz_input *in)
{
    static const uint8_t key[PROTO_MEMORY_KEY];
    uint8_t word = fuzz_u8(in);
    enum kind kind = word % KINDS;
    size_t length = fuzz_u8(in);
    const uint8_t *data = fuzz_bytes(in, &length);

    switch (kind) {
    case KIND_KEY:
        buf_put(b, key, sizeof(key));
        return FRAME_MEMORY_KEY;
    case KIND_MEMORY:
        buf_put(b, "m", 1);
        buf_put(b, data, length);
        return FRAME_MEMORY;
    case KIND_STORED:
    case KIND_PACKED:
    case KIND_FAST:
    case KIND_MISSING:
        put_coded(b, kind, data, length, word >> 4);
        return FRAME_CODED;
    case KIND_BYTES:
        buf_put(b, data, length);
        return FRAME_CODED;
    default:
        buf_put(b, data, length);
        return FRAME_MEMORY_KEY + (word >> 4) % 10;
    }
}

/* As many pages as were missed, or one more or less if the input says so. */
static int send_pages(struct memreceive *m, const struct sent *s,
                      struct fuzz_input *in)
{
    size_t pages = (s->length - 8) / 4;
    uint8_t word = fuzz_u8(in);
    struct frame f = { .type = FRAME_PAGES, .disk = PROTO_NO_DISK };
    int rc;

    FUZZ_CHECK(s->length > 8 && pages <= PROTO_MEMORY_DISK);
    pages += word == 1;
    f.length = (uint32_t)(pages * PROTO_BLOCK - (word == 2));
    f.data = calloc(1, f.length);
    FUZZ_CHECK(f.data);
    rc = memreceive_frame(m, &f);
    frame_release(&f);
    return rc;
}

/* After a CODED frame: until it was taken. */
static int answer(struct memreceive *m, struct fuzz_input *in)
{
    struct sent *s;
    bool over = false;
    int rc = 0;

    while (!over && !rc && (s = session_sent(true))) {
        if (s->type == FRAME_MISSED)
            rc = send_pages(m, s, in);
        else
            over = true;
        free_sent(s);
    }
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memreceive_options opt = {
        .write = take_output, .read = read_nothing, .failed = say_failed,
    };
    struct fuzz_input in = { data, size };
    struct frame f = { 0 };
    struct memreceive *m;
    struct inbox *inbox;
    uint16_t type;
    unsigned i;
    int rc = 0;

    fuzz_quiet();
    wire = session_begin(NULL, &inbox);
    packers[0] = ZSTD_createCCtx();
    packers[1] = ZSTD_createCCtx();
    FUZZ_CHECK(packers[0] && packers[1]);
    FUZZ_CHECK(!memreceive_new(&m, wire, &opt));
    for (i = 0; i < FRAMES_MAX && !rc && in.left; i++) {
        struct buf b = BUF_INIT;

        type = f.type = put_frame(&b, &in);
        FUZZ_CHECK(!b.failed);
        f.length = (uint32_t)b.length;
        f.data = malloc(b.length ? b.length : 1);
        FUZZ_CHECK(f.data);
        if (b.length)
            memcpy(f.data, b.data, b.length);
        buf_release(&b);
        rc = memreceive_frame(m, &f);
        if (!rc && type == FRAME_CODED)
            rc = answer(m, &in);
        frame_release(&f);
    }
    FUZZ_CHECK(memreceive_stop(m));
    memreceive_free(m);
    session_end();
    ZSTD_freeCCtx(packers[0]);
    ZSTD_freeCCtx(packers[1]);
    return 0;
}
