/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Greeting and frames (plugin/wire), up to where an engine gets them.
 *
 * Input: u8 how. Bit 0: the rest is what the peer says; bit 1: after its
 * greeting.  Otherwise frames: u8 kind (its lowest bits: as it stands,
 * compressed, freight; 3: bytes that are no frame), u8 type, u8 disk, u8 what
 * it is filled up with, u16 length, u8 how many bytes of it are the input's,
 * and these.  Frames must come out as they were.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "plugin/proto.h"
#include "plugin/wire/wire.h"
#include "test/fuzz/fuzz.h"

#define FRAMES_MAX 64

struct packer {
    ZSTD_CCtx *of_wire, *of_freight;
};

struct made {
    uint16_t type, disk;
    struct buf payload;
};

static struct made frames[FRAMES_MAX];
static size_t n_frames;         /* that must come out */

static void put_greeting(struct buf *b)
{
    buf_put(b, PROTO_MAGIC, 8);
    buf_put_u16(b, PROTO_VERSION);
    buf_put_u16(b, PROTO_REVISION);
    buf_put_u16(b, 0);
    buf_put(b, PROTO_LINE_END, 2);
}

static void put_header(struct buf *b, uint16_t type, uint16_t disk,
                       size_t length, size_t raw)
{
    buf_put_u16(b, type);
    buf_put_u16(b, disk);
    buf_put_u32(b, (uint32_t)length);
    buf_put_u32(b, (uint32_t)raw);
}

/* The next piece of a stream. */
static void pack(struct buf *out, ZSTD_CCtx **c, const struct buf *content)
{
    ZSTD_inBuffer in = { content->data, content->length, 0 };
    ZSTD_outBuffer to;
    size_t room = ZSTD_compressBound(content->length) + 512, left;

    if (!*c)
        *c = ZSTD_createCCtx();
    FUZZ_CHECK(*c);
    /* The default's tables would take longer than the rest. */
    ZSTD_CCtx_setParameter(*c, ZSTD_c_compressionLevel, 1);
    ZSTD_CCtx_setParameter(*c, ZSTD_c_windowLog, 17);
    to = (ZSTD_outBuffer){ buf_reserve(out, room), room, 0 };
    FUZZ_CHECK(to.dst);
    left = ZSTD_compressStream2(*c, &to, &in, ZSTD_e_flush);
    FUZZ_CHECK(!left && in.pos == in.size);
    out->length += to.pos;
}

static void put_freight(struct buf *out, struct packer *p,
                        const struct made *m, size_t cut)
{
    struct buf frame = BUF_INIT, packed = BUF_INIT;
    size_t n;

    put_header(&frame, m->type, m->disk, m->payload.length, 0);
    buf_put(&frame, m->payload.data, m->payload.length);
    pack(&packed, &p->of_freight, &frame);
    n = cut < packed.length ? cut : packed.length;
    if (n) {
        put_header(out, FRAME_FREIGHT, PROTO_NO_DISK, n, 0);
        buf_put(out, packed.data, n);
    }
    if (packed.length > n) {
        put_header(out, FRAME_FREIGHT, PROTO_NO_DISK, packed.length - n, 0);
        buf_put(out, packed.data + n, packed.length - n);
    }
    buf_release(&frame);
    buf_release(&packed);
}

static void put_frame(struct buf *out, struct packer *p, const struct made *m,
                      uint8_t kind)
{
    struct buf packed = BUF_INIT;

    if ((kind & 3) == 2) {
        put_freight(out, p, m, kind >> 2);
    } else if (kind & 1 && m->payload.length) {
        pack(&packed, &p->of_wire, &m->payload);
        put_header(out, m->type, m->disk, packed.length, m->payload.length);
        buf_put(out, packed.data, packed.length);
    } else {
        put_header(out, m->type, m->disk, m->payload.length, 0);
        buf_put(out, m->payload.data, m->payload.length);
    }
    buf_release(&packed);
}

/* False: bytes that are no frame; what follows may be anything. */
static bool make_frame(struct buf *out, struct packer *p,
                       struct fuzz_input *in)
{
    uint8_t kind = fuzz_u8(in), filling;
    struct made *m = &frames[n_frames];
    const uint8_t *data;
    size_t length, given;
    uint8_t *payload;

    if ((kind & 3) == 3) {
        given = fuzz_u8(in);
        data = fuzz_bytes(in, &given);
        buf_put(out, data, given);
        return given == 0;
    }
    m->type = fuzz_u8(in) % (FRAME_BYE + 1);
    if (m->type == FRAME_FREIGHT)
        m->type = FRAME_DATA;
    m->disk = fuzz_u8(in);
    filling = fuzz_u8(in);
    length = fuzz_u16(in);
    given = fuzz_u8(in);
    data = fuzz_bytes(in, &given);
    if (length < given)
        length = given;
    buf_reset(&m->payload);
    payload = buf_reserve(&m->payload, length ? length : 1);
    FUZZ_CHECK(payload);
    memset(payload, filling, length);
    if (given)
        memcpy(payload, data, given);
    m->payload.length = length;
    put_frame(out, p, m, kind);
    n_frames++;
    return true;
}

static void receive(int fd)
{
    static const struct wire_options options = { .timeout = 20 };
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    char garbage[200];
    struct frame f;
    struct wire *w;
    size_t n;

    FUZZ_CHECK(null >= 0 && !wire_new(&w, fd, null, &options));
    if (!wire_greet(w, -1, garbage, sizeof(garbage))) {
        for (n = 0; !wire_recv(w, &f); n++) {
            FUZZ_CHECK(f.length <= PROTO_RAW_MAX);
            if (n < n_frames)
                FUZZ_CHECK(f.type == frames[n].type &&
                           f.disk == frames[n].disk &&
                           f.length == frames[n].payload.length &&
                           (!f.length || !memcmp(f.data, frames[n].payload.data,
                                                 f.length)));
            frame_release(&f);
        }
        FUZZ_CHECK(n >= n_frames);
    }
    wire_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };
    struct packer p = { NULL, NULL };
    struct buf out = BUF_INIT;
    uint8_t how = fuzz_u8(&in);

    fuzz_quiet();
    n_frames = 0;
    if ((how & 3) != 1)
        put_greeting(&out);
    while (!(how & 1) && in.left && n_frames < FRAMES_MAX)
        if (!make_frame(&out, &p, &in))
            break;
    buf_put(&out, in.next, how & 1 || n_frames < FRAMES_MAX ? in.left : 0);
    FUZZ_CHECK(!out.failed);
    receive(fuzz_file(out.data, out.length));
    buf_release(&out);
    ZSTD_freeCCtx(p.of_wire);
    ZSTD_freeCCtx(p.of_freight);
    return 0;
}
