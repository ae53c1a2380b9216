/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The codec of the memory stream (plugin/memory).
 *
 * Input: u8 how. 0: the rest is the content of one CODED frame. 1: commands for
 * frames, in a form of which more make sense; see put_command(). 2: a stream,
 * which must come out of the decoder as it went into the encoder: what
 * put_stream() reads. 3: a stream as it stands, the same.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/memory/memdecode.h"
#include "plugin/memory/memencode.h"
#include "plugin/memory/memstream.h"
#include "test/fuzz/fuzz.h"

#define PAGE MEMSTREAM_PAGE
#define FRAMES_MAX 64
#define STREAM_MAX (1u << 20)

static const uint8_t key[PROTO_MEMORY_KEY] = { 1 };

/* The other side of a decoder */

struct sink {
    uint64_t bytes;             /* of the frame that is decoded */
    const struct buf *expected; /* or NULL; from `done` on */
    size_t done;
};

static int take_output(void *opaque, const void *data, size_t length)
{
    struct sink *s = opaque;

    s->bytes += length;
    FUZZ_CHECK(length > 0 && s->bytes <= PROTO_MEMORY_FRAME);
    if (!s->expected)
        return 0;
    FUZZ_CHECK(length <= s->expected->length - s->done);
    FUZZ_CHECK(!memcmp(s->expected->data + s->done, data, length));
    s->done += length;
    return 0;
}

/* Disk 0 has pages that are all of one byte, disk 1 cannot be read. */
static int read_disk(void *opaque, uint64_t disk, uint64_t offset, void *data,
                     size_t length)
{
    (void)opaque;
    FUZZ_CHECK(offset % PAGE == 0 && length % PAGE == 0 && length > 0);
    FUZZ_CHECK(length <= PROTO_MEMORY_DISK * PAGE);
    if (disk)
        return -ERANGE;
    memset(data, (int)(offset / PAGE), length);
    return 0;
}

static int ask(void *opaque, const uint32_t *number, uint8_t *const *page,
               size_t count)
{
    size_t i;

    (void)opaque;
    FUZZ_CHECK(count > 0 && count <= PROTO_MEMORY_DISK);
    for (i = 0; i < count; i++) {
        FUZZ_CHECK(number[i] < PROTO_MEMORY_DISK);
        FUZZ_CHECK(!i || number[i] > number[i - 1]);
        memset(page[i], 0x55, PAGE);
    }
    return 0;
}

static struct memdecoder *decoder(struct sink *s)
{
    struct memdecoder_options opt = {
        .out = take_output, .read = read_disk, .ask = ask, .opaque = s,
    };
    struct memdecoder *d;

    FUZZ_CHECK(!memdecoder_new(&d, &opt));
    memdecoder_set_key(d, key);
    return d;
}

/* Decoding */

static uint64_t number(struct fuzz_input *in)
{
    uint8_t n = fuzz_u8(in);

    /* Mostly small ones. */
    return n < 0xf0 ? n : n < 0xfe ? fuzz_u16(in) : fuzz_u64(in);
}

static void put_bytes(struct buf *b, struct fuzz_input *in, size_t length)
{
    const uint8_t *p = fuzz_bytes(in, &length);

    buf_put(b, p, length);
}

static void put_page(struct buf *b, struct fuzz_input *in)
{
    uint8_t *p = buf_reserve(b, PAGE);

    FUZZ_CHECK(p);
    memset(p, fuzz_u8(in), PAGE);
    p[fuzz_u16(in) % PAGE] = fuzz_u8(in);
    b->length += PAGE;
}

static void put_hashes(struct buf *b, struct fuzz_input *in, uint64_t block,
                       uint64_t n)
{
    uint8_t page[PAGE];
    uint64_t i;

    for (i = 0; i < n; i++) {
        memset(page, (int)(block + i), PAGE);
        buf_put_u64(b, blockindex_hash(key, page) ^ (fuzz_u8(in) & 1));
    }
}

/* u8 op, its count (of pages, up to 15 in its upper half), and what follows */
static void put_command(struct buf *commands, struct buf *data,
                        struct fuzz_input *in)
{
    uint8_t word = fuzz_u8(in);
    enum memory_op op = word & 7;
    uint64_t count = word >> 4, n;

    if (op == MEMORY_RAW || op == MEMORY_DIFFERENCE || word & 8)
        count = number(in);
    buf_put_varint(commands, count << MEMORY_OP_BITS | op);
    switch (op) {
    case MEMORY_ENTRIES:
        for (n = 0; n < count && in->left; n++) {
            buf_put_zigzag(commands, (int8_t)fuzz_u8(in));
            buf_put_varint(commands, number(in));
        }
        break;
    case MEMORY_FILL:
        buf_put_u64(commands, fuzz_u64(in));
        break;
    case MEMORY_DISK:
        buf_put_varint(commands, fuzz_u8(in));
        n = fuzz_u8(in);
        buf_put_zigzag(commands, (int64_t)n);
        put_hashes(commands, in, n, count < 16 ? count : 16);
        break;
    case MEMORY_REPEAT:
        buf_put_zigzag(commands, (int8_t)fuzz_u8(in));
        break;
    case MEMORY_LITERAL:
        buf_put_zigzag(commands, (int8_t)fuzz_u8(in));
        for (n = 0; n < count && n < 16; n++)
            put_page(data, in);
        break;
    case MEMORY_DIFFERENCE:
        buf_put_zigzag(commands, (int8_t)fuzz_u8(in));
        put_bytes(data, in, count < 256 ? count : 256);
        break;
    default:
        put_bytes(data, in, count < 256 ? count : 256);
        break;
    }
}

static int decode(struct memdecoder *d, struct sink *s, const void *data,
                  size_t length)
{
    s->bytes = 0;
    return memdecoder_frame(d, data, length);
}

static void decode_commands(struct fuzz_input *in)
{
    struct buf commands = BUF_INIT, data = BUF_INIT, content = BUF_INIT;
    struct sink s = { 0 };
    struct memdecoder *d = decoder(&s);
    unsigned frames, n;
    int rc = 0;

    for (frames = 0; !rc && in->left && frames < FRAMES_MAX; frames++) {
        buf_reset(&commands);
        buf_reset(&data);
        buf_reset(&content);
        for (n = fuzz_u8(in); n && in->left; n--)
            put_command(&commands, &data, in);
        buf_put_u32(&content, (uint32_t)commands.length);
        buf_put(&content, commands.data, commands.length);
        buf_put(&content, data.data, data.length);
        FUZZ_CHECK(!content.failed);
        rc = decode(d, &s, content.data, content.length);
    }
    memdecoder_free(d);
    buf_release(&commands);
    buf_release(&data);
    buf_release(&content);
}

static void decode_bytes(struct fuzz_input *in)
{
    struct sink s = { 0 };
    struct memdecoder *d = decoder(&s);

    decode(d, &s, in->next, in->left);
    memdecoder_free(d);
}

/* Both halves */

struct pipe {
    struct memdecoder *decoder;
    struct sink sink;
};

static int pass_on(void *opaque, struct memory_batch *b)
{
    struct pipe *p = opaque;
    struct buf content = BUF_INIT;

    buf_put_u32(&content, (uint32_t)b->commands.length);
    buf_put(&content, b->commands.data, b->commands.length);
    buf_put(&content, b->data.data, b->data.length);
    FUZZ_CHECK(!content.failed);
    FUZZ_CHECK(!decode(p->decoder, &p->sink, content.data, content.length));
    FUZZ_CHECK(p->sink.bytes == b->bytes);
    buf_release(&content);
    memory_batch_release(b);
    *b = (struct memory_batch)MEMORY_BATCH_INIT;
    return 0;
}

static void round_trip(const struct buf *stream, uint8_t piece, uint8_t cheap)
{
    struct pipe p = { .sink.expected = stream };
    struct memencoder_options opt = {
        .cache_bytes = UINT64_C(64) * PAGE, .emit = pass_on, .opaque = &p,
    };
    struct memencoder *e;
    size_t at, n, step = (size_t)piece * 97 + 1;

    p.decoder = decoder(&p.sink);
    FUZZ_CHECK(!memencoder_new(&e, &opt));
    for (at = 0; at < stream->length; at += n) {
        n = stream->length - at < step ? stream->length - at : step;
        memencoder_set_cheap(e, cheap && at / step % 8 == 7);
        FUZZ_CHECK(!memencoder_feed(e, stream->data + at, n));
        if (cheap && at / step % 16 == 3)
            FUZZ_CHECK(!memencoder_flush(e));
    }
    FUZZ_CHECK(!memencoder_finish(e));
    FUZZ_CHECK(p.sink.done == stream->length);
    FUZZ_CHECK(memencoder_counts(e)->bytes == stream->length);
    memencoder_free(e);
    memdecoder_free(p.decoder);
}

/* The headers of a stream that libxl writes, up to libxc's records. */
static void put_headers(struct buf *b)
{
    static const uint8_t libxl[] = "LibxlFmt\0\0\0\2\0\0\0\0";
    static const uint8_t libxc[] =
        "\xff\xff\xff\xff\xff\xff\xff\xff"
        "XENF\0\0\0\3\0\0\0\0\0\0\0\0\2\0\0\0\14\0\0\0\4\0\0\0\21\0\0\0";

    buf_put(b, libxl, 16);
    buf_put_u32(b, 1);
    buf_put_u32(b, 0);
    buf_put(b, libxc, 40);
}

/* u8 entries, and of each u8 number, u8 what it is and u8 its content */
static void put_pages(struct buf *b, struct fuzz_input *in)
{
    unsigned n = fuzz_u8(in) % 32, with = 0, i;
    uint8_t what[32], seed[32], *p;

    for (i = 0; i < n; i++)
        with += (what[i] = fuzz_u8(in)) < 0xd0;
    buf_put_u32(b, 1);
    buf_put_u32(b, 8 + 8 * n + with * PAGE);
    buf_put_u32(b, n);
    buf_put_u32(b, 0);
    for (i = 0; i < n; i++) {
        seed[i] = fuzz_u8(in);
        buf_put_u64(b, (uint64_t)(what[i] < 0xd0 ? 0 : what[i] >> 4) << 60 |
                       fuzz_u8(in));
    }
    for (i = 0; i < n; i++) {
        if (what[i] >= 0xd0)
            continue;
        p = buf_reserve(b, PAGE);
        FUZZ_CHECK(p);
        memset(p, what[i] & 1 ? seed[i] : 0, PAGE);
        if (what[i] & 2)
            p[seed[i] * 16] ^= what[i];
        b->length += PAGE;
    }
}

/* u8 what: pages, or a record of bytes, or bytes */
static void put_stream(struct buf *b, struct fuzz_input *in)
{
    uint8_t what;
    size_t length;

    put_headers(b);
    while (in->left && b->length < STREAM_MAX) {
        what = fuzz_u8(in);
        length = fuzz_u8(in);
        if (what & 1) {
            put_pages(b, in);
        } else if (what & 2) {
            buf_put_u32(b, what >> 2);
            buf_put_u32(b, (uint32_t)length);
            put_bytes(b, in, length);
            while (b->length % 8)
                buf_put_u8(b, 0);
        } else {
            put_bytes(b, in, length);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };
    struct buf stream = BUF_INIT;
    uint8_t how = fuzz_u8(&in) & 3, piece, cheap;

    if (how == 0) {
        decode_bytes(&in);
    } else if (how == 1) {
        decode_commands(&in);
    } else {
        piece = fuzz_u8(&in);
        cheap = fuzz_u8(&in) & 1;
        if (how == 2)
            put_stream(&stream, &in);
        else
            buf_put(&stream, in.next, in.left);
        FUZZ_CHECK(!stream.failed);
        round_trip(&stream, piece, cheap);
        buf_release(&stream);
    }
    return 0;
}
