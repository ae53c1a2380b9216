/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames over two file descriptors; see wire.h. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "plugin/base/bytes.h"
#include "plugin/base/log.h"
#include "plugin/base/processors.h"
#include "plugin/proto.h"
#include "plugin/wire/adapt_level.h"
#include "plugin/wire/freight.h"
#include "plugin/wire/greeting.h"
#include "plugin/wire/line.h"
#include "plugin/wire/unfreight.h"
#include "plugin/wire/wire.h"

/* Below this the header of a compressed piece costs more than it saves. */
#define COMPRESS_MIN 48

/* Default window: enough for a base library and its neighbours, and cheap
 * enough for both sides. */
#define WINDOW_LOG 24

#define ALIVE_SECONDS 10

struct wire {
    struct line line;
    struct {
        atomic_uint_fast64_t in, out;   /* bytes in frames of this disk */
    } disks[PROTO_DISKS_MAX];
    struct {
        pthread_mutex_t lock;
        pthread_cond_t next;
        uint64_t drawn, served;
    } turn;                         /* to send; covers what follows */
    unsigned greeting;              /* seconds; 0: no limit */
    uint8_t nonce[PROTO_NONCE];     /* written before other threads use w */
    bool said_last;                 /* FAIL or BYE was sent */
    ZSTD_CStream *compressor;
    struct buf out;
    int level;                      /* of freight */
    pthread_mutex_t freight_lock;   /* covers the making of freight */
    struct freight *freight;        /* NULL: none was sent yet */
    struct {
        pthread_mutex_t lock;
        pthread_cond_t change;
        enum wire_packed how;
    } packed;                       /* what is done with it */
    struct unfreight *unfreight;    /* receiving thread only, as the next */
    ZSTD_DStream *decompressor;
    struct buf in;
};

int wire_new(struct wire **w_r, int in_fd, int out_fd,
             const struct wire_options *opt)
{
    struct wire *w = calloc(1, sizeof(*w));
    unsigned timeout = opt->timeout ? opt->timeout : WIRE_TIMEOUT_DEFAULT;
    int level = opt->level ? opt->level : WIRE_LEVEL_DEFAULT;

    if (!w)
        return -ENOMEM;
    line_init(&w->line, in_fd, out_fd, timeout, opt->bytes_per_second);
    pthread_mutex_init(&w->turn.lock, NULL);
    pthread_cond_init(&w->turn.next, NULL);
    w->level = opt->level;
    w->greeting = opt->greeting;
    pthread_mutex_init(&w->freight_lock, NULL);
    pthread_mutex_init(&w->packed.lock, NULL);
    pthread_cond_init(&w->packed.change, NULL);
    w->compressor = ZSTD_createCStream();
    w->decompressor = ZSTD_createDStream();
    if (!w->compressor || !w->decompressor) {
        wire_free(w);
        return -ENOMEM;
    }
    ZSTD_CCtx_setParameter(w->compressor, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(w->compressor, ZSTD_c_windowLog, WINDOW_LOG);
    ZSTD_DCtx_setParameter(w->decompressor, ZSTD_d_windowLogMax,
                           PROTO_WINDOW_LOG_MAX);
    *w_r = w;
    return 0;
}

void wire_free(struct wire *w)
{
    if (!w)
        return;
    w->line.broken = -ECANCELED;
    freight_free(w->freight);
    unfreight_free(w->unfreight);
    line_close(&w->line);
    ZSTD_freeCStream(w->compressor);
    ZSTD_freeDStream(w->decompressor);
    buf_release(&w->out);
    buf_release(&w->in);
    pthread_cond_destroy(&w->packed.change);
    pthread_mutex_destroy(&w->packed.lock);
    pthread_mutex_destroy(&w->freight_lock);
    pthread_cond_destroy(&w->turn.next);
    pthread_mutex_destroy(&w->turn.lock);
    free(w);
}

/* Not more than a header has, so that taking an ALIVE is no work. */
#define ALIVE_BYTES 8

static void *keep_alive(void *opaque)
{
    struct wire *w = opaque;
    uint8_t worked[ALIVE_BYTES];

    do {
        sleep(ALIVE_SECONDS);
        put_le64(worked, atomic_load(&w->line.worked));
    } while (!wire_send(w, FRAME_ALIVE, PROTO_NO_DISK, worked,
                        sizeof(worked)));
    return NULL;
}

void wire_worked(struct wire *w)
{
    atomic_fetch_add(&w->line.worked, 1);
}

void wire_set_timeout(struct wire *w, unsigned seconds)
{
    w->line.timeout = seconds;
}

int wire_challenge(struct wire *w)
{
    randombytes_buf(w->nonce, sizeof(w->nonce));
    return wire_send(w, FRAME_CHALLENGE, PROTO_NO_DISK, w->nonce,
                     sizeof(w->nonce));
}

int wire_hear_challenge(struct wire *w, uint16_t *type_r)
{
    struct frame f;
    int rc = wire_recv(w, &f);

    if (rc)
        return rc;
    *type_r = f.type;
    if (f.type == FRAME_CHALLENGE && f.disk == PROTO_NO_DISK &&
        f.length == sizeof(w->nonce))
        memcpy(w->nonce, f.data, sizeof(w->nonce));
    else
        rc = -EBADMSG;
    frame_release(&f);
    return rc;
}

const uint8_t *wire_nonce(const struct wire *w)
{
    return w->nonce;
}

unsigned wire_timeout(const struct wire *w)
{
    return w->line.timeout;
}

int wire_greet(struct wire *w, int watch_fd, char *garbage, size_t size)
{
    return greeting_exchange(&w->line, w->greeting, watch_fd, garbage, size);
}

int wire_keep_alive(struct wire *w)
{
    pthread_t thread;
    int rc = -pthread_create(&thread, NULL, keep_alive, w);

    if (!rc)
        pthread_detach(thread);
    return rc;
}

/* Appends data to w->out as the next piece of the stream. */
static int compress(struct wire *w, const void *data, size_t length)
{
    ZSTD_inBuffer in = { data, length, 0 };
    ZSTD_outBuffer out;
    size_t left, room = ZSTD_compressBound(length) + 1024;

    do {
        out.dst = buf_reserve(&w->out, room);
        if (!out.dst)
            return -ENOMEM;
        out.size = room;
        out.pos = 0;
        left = ZSTD_compressStream2(w->compressor, &out, &in, ZSTD_e_flush);
        if (ZSTD_isError(left)) {
            log_error("compression: %s", ZSTD_getErrorName(left));
            return -EIO;
        }
        w->out.length += out.pos;
    } while (left > 0);
    return 0;
}

/* Senders take turns in the order in which they come.  A mutex alone would let
 * the one with much to send (the memory) have it again and again, and blocks of
 * a disk whose guest stands still wait. */
static void begin_turn(struct wire *w)
{
    uint64_t number;

    pthread_mutex_lock(&w->turn.lock);
    number = w->turn.drawn++;
    while (w->turn.served != number)
        pthread_cond_wait(&w->turn.next, &w->turn.lock);
    pthread_mutex_unlock(&w->turn.lock);
}

static void end_turn(struct wire *w)
{
    pthread_mutex_lock(&w->turn.lock);
    w->turn.served++;
    pthread_cond_broadcast(&w->turn.next);
    pthread_mutex_unlock(&w->turn.lock);
}

/* account: the disk whose bytes these are. */
static int send_frame(struct wire *w, uint16_t type, uint16_t disk,
                      uint16_t account, const void *data, size_t length,
                      bool packed)
{
    int rc = 0;

    if (length > PROTO_RAW_MAX)
        return -EMSGSIZE;
    begin_turn(w);
    if (w->said_last) {
        end_turn(w);
        return -EPIPE;
    }
    /* After a frame that came in part, or that lacks in the compressed stream,
     * nothing more can be understood. */
    if (w->line.broken) {
        rc = w->line.broken;
        end_turn(w);
        return rc;
    }
    w->said_last = type == FRAME_FAIL || type == FRAME_BYE;
    buf_reset(&w->out);
    buf_put_u16(&w->out, type);
    buf_put_u16(&w->out, disk);
    buf_put_u32(&w->out, length);
    buf_put_u32(&w->out, packed ? length : 0);
    if (packed)
        rc = compress(w, data, length);
    else
        buf_put(&w->out, data, length);
    if (!rc && w->out.failed)
        rc = -ENOMEM;
    if (!rc) {
        put_le32(w->out.data + 4, w->out.length - PROTO_HEADER_BYTES);
        rc = line_write(&w->line, w->out.data, w->out.length);
        if (!rc && account < PROTO_DISKS_MAX)
            atomic_fetch_add(&w->disks[account].out, w->out.length);
    }
    /* Whoever waits for an answer to it is woken.  If the peer has gone, its
     * last words may still be on the way. */
    if (rc && rc != -EPIPE)
        w->line.broken = rc;
    end_turn(w);
    return rc;
}

/* What a target may get while it takes nothing packed. */
static bool comes_early(uint16_t type)
{
    return type == FRAME_HELLO || type == FRAME_DISK || type == FRAME_XL ||
        type == FRAME_FAIL;
}

int wire_send(struct wire *w, uint16_t type, uint16_t disk,
              const void *data, size_t length)
{
    return send_frame(w, type, disk, disk, data, length,
                      length >= COMPRESS_MIN && !comes_early(type));
}

int wire_send_plain(struct wire *w, uint16_t type, uint16_t disk,
                    const struct buf *b)
{
    return b->failed ? -ENOMEM :
        send_frame(w, type, disk, disk, b->data, b->length, false);
}

int wire_send_buf(struct wire *w, uint16_t type, uint16_t disk,
                  const struct buf *b)
{
    return b->failed ? -ENOMEM : wire_send(w, type, disk, b->data, b->length);
}

static int send_piece(void *opaque, uint16_t disk, const void *data,
                      size_t length)
{
    return send_frame(opaque, FRAME_FREIGHT, PROTO_NO_DISK, disk, data,
                      length, false);
}

static void freight_broke(void *opaque, int rc)
{
    struct wire *w = opaque;

    /* If the peer has gone, its last words may still be on the way, and the
     * end of them. */
    if (rc != -EPIPE)
        w->line.broken = rc;
}

int wire_send_freight(struct wire *w, uint16_t type, uint16_t disk,
                      const void *data, size_t length)
{
    int rc = 0;

    if (length > PROTO_RAW_MAX)
        return -EMSGSIZE;
    pthread_mutex_lock(&w->freight_lock);
    if (!w->freight)
        rc = freight_new(&w->freight, w->level, send_piece, freight_broke, w);
    pthread_mutex_unlock(&w->freight_lock);
    return rc ? rc : freight_put(w->freight, type, disk, data, length);
}

int wire_send_freight_buf(struct wire *w, uint16_t type, uint16_t disk,
                          const struct buf *b)
{
    return b->failed ? -ENOMEM :
        wire_send_freight(w, type, disk, b->data, b->length);
}

void wire_flush_freight(struct wire *w)
{
    pthread_mutex_lock(&w->freight_lock);
    if (w->freight)
        freight_flush(w->freight);
    pthread_mutex_unlock(&w->freight_lock);
}

static int decompress(struct wire *w, struct frame *f, size_t packed)
{
    ZSTD_inBuffer in = { w->in.data, packed, 0 };
    /* One byte more than is due: what is too long must show. */
    ZSTD_outBuffer out = { f->data, f->length + 1, 0 };
    size_t left, before;

    while (in.pos < in.size) {
        before = in.pos + out.pos;
        left = ZSTD_decompressStream(w->decompressor, &out, &in);
        if (ZSTD_isError(left)) {
            log_error("peer sent a damaged frame: %s",
                      ZSTD_getErrorName(left));
            return -EPROTO;
        }
        if (in.pos + out.pos == before)
            break;
    }
    if (in.pos == in.size && out.pos == f->length)
        return 0;
    log_error("peer sent a frame that is not as long as announced");
    return -EPROTO;
}

static int recv_payload(struct wire *w, struct frame *f, uint32_t on_wire,
                        uint32_t raw)
{
    int rc;

    f->length = raw ? raw : on_wire;
    f->data = malloc(f->length + 1);
    if (!f->data)
        return -ENOMEM;
    if (!raw)
        return line_read(&w->line, f->data, on_wire, NULL);
    buf_reset(&w->in);
    if (!buf_reserve(&w->in, on_wire))
        return -ENOMEM;
    rc = line_read(&w->line, w->in.data, on_wire, NULL);
    return rc ? rc : decompress(w, f, on_wire);
}

static bool may_unpack(struct wire *w)
{
    bool may;

    pthread_mutex_lock(&w->packed.lock);
    while (w->packed.how == WIRE_PACKED_HOLD)
        pthread_cond_wait(&w->packed.change, &w->packed.lock);
    may = w->packed.how == WIRE_PACKED_TAKE;
    pthread_mutex_unlock(&w->packed.lock);
    return may;
}

static int recv_frame(struct wire *w, struct frame *f)
{
    uint8_t header[PROTO_HEADER_BYTES];
    struct cursor c = CURSOR_INIT(header, sizeof(header));
    uint32_t on_wire, raw;
    int rc;

    memset(f, 0, sizeof(*f));
    rc = line_read(&w->line, header, sizeof(header), NULL);
    if (rc)
        return rc;
    f->type = cursor_u16(&c);
    f->disk = cursor_u16(&c);
    on_wire = cursor_u32(&c);
    raw = cursor_u32(&c);
    if (on_wire > PROTO_WIRE_MAX || raw > PROTO_RAW_MAX ||
        (!raw && on_wire > PROTO_RAW_MAX)) {
        log_error("peer announced a frame of %u bytes, which is too long",
                  raw > on_wire ? raw : on_wire);
        return -EPROTO;
    }
    if (raw && !on_wire) {
        log_error("peer announced a frame that has no content");
        return -EPROTO;
    }
    if ((raw || f->type == FRAME_FREIGHT) && !may_unpack(w)) {
        log_error("peer sent %s packed before it had an answer",
                  proto_name(f->type));
        return -EPROTO;
    }
    rc = recv_payload(w, f, on_wire, raw);
    if (rc)
        frame_release(f);
    else if (f->disk < PROTO_DISKS_MAX)
        atomic_fetch_add(&w->disks[f->disk].in, sizeof(header) + on_wire);
    return rc;
}

/* A piece of freight, whose frames are taken before the next one is read. */
static int take_freight(struct wire *w, struct frame *f)
{
    int rc = w->unfreight ? 0 : unfreight_new(&w->unfreight);

    if (!rc) {
        unfreight_give(w->unfreight, f->data, f->length);
        f->data = NULL;
    }
    frame_release(f);
    return rc;
}

int wire_recv(struct wire *w, struct frame *f)
{
    bool taken = false;
    int rc = 0;

    for (;;) {
        if (w->unfreight)
            rc = unfreight_take(w->unfreight, f, &taken);
        if (rc || taken)
            return rc;
        rc = recv_frame(w, f);
        if (rc || f->type != FRAME_FREIGHT)
            return rc;
        rc = take_freight(w, f);
        if (rc)
            return rc;
    }
}

void wire_set_packed(struct wire *w, enum wire_packed how)
{
    pthread_mutex_lock(&w->packed.lock);
    w->packed.how = how;
    pthread_cond_broadcast(&w->packed.change);
    pthread_mutex_unlock(&w->packed.lock);
}

void wire_prepare(void)
{
    processors_prepare();
    adapt_level_prepare();
}

double wire_waited(const struct wire *w)
{
    return atomic_load(&w->line.waited) * 1e-6;
}

uint64_t wire_bytes_out(const struct wire *w)
{
    return atomic_load(&w->line.bytes_out);
}

uint64_t wire_bytes_in(const struct wire *w)
{
    return atomic_load(&w->line.bytes_in);
}

void wire_bytes_of_disk(const struct wire *w, uint16_t disk, uint64_t *out_r,
                        uint64_t *in_r)
{
    *out_r = atomic_load(&w->disks[disk].out);
    *in_r = atomic_load(&w->disks[disk].in);
}
