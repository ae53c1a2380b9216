/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames over two file descriptors; see wire.h. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "plugin/base/bytes.h"
#include "plugin/base/clock.h"
#include "plugin/base/log.h"
#include "plugin/proto.h"
#include "plugin/wire/freight.h"
#include "plugin/wire/unfreight.h"
#include "plugin/wire/wire.h"

/* Below this the header of a compressed piece costs more than it saves. */
#define COMPRESS_MIN 48

/* Default window: enough for a base library and its neighbours, and cheap
 * enough for both sides. */
#define WINDOW_LOG 24

#define ALIVE_SECONDS 10

/* If something else came than a greeting: how much of it is looked at, and how
 * long the rest of a line is waited for. */
#define GARBAGE_BYTES 512
#define LINE_MS 1000

/* How a terminal shows some of the zeros of a greeting. */
#define ECHO "^@^@^@"

/* With a cap, bytes are written in pieces that may take this many seconds. */
#define CAP_SLICE 0.05

struct wire {
    int in_fd;
    int out_fd;
    int watch_fd;                   /* during the greeting, or -1 */
    atomic_uint timeout;            /* seconds; 0: none (greeting) */
    double bytes_per_second;        /* 0: no cap */
    double next_write;              /* when the cap allows the next piece */
    atomic_uint_fast64_t bytes_in;
    atomic_uint_fast64_t bytes_out;
    atomic_uint_fast64_t waited;    /* to send: microseconds */
    atomic_uint_fast64_t worked;    /* pieces of work, for ALIVE */
    struct {
        atomic_uint_fast64_t in, out;
    } disks[PROTO_DISKS_MAX];       /* of these, frames of disks */
    struct {
        pthread_mutex_t lock;
        pthread_cond_t next;
        uint64_t drawn, served;
    } turn;                         /* to send; covers what follows */
    bool said_last;                 /* FAIL or BYE was sent */
    ZSTD_CStream *compressor;
    struct buf out;
    pthread_mutex_t freight_lock;   /* covers the making of it */
    struct freight *freight;        /* NULL: none was sent yet */
    int level;
    atomic_int broken;              /* why freight could not be sent */
    struct unfreight *unfreight;    /* receiving thread only, as the next */
    ZSTD_DStream *decompressor;
    struct buf in;
};

static void set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags >= 0)
        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int wire_new(struct wire **w_r, int in_fd, int out_fd,
             const struct wire_options *opt)
{
    struct wire *w = calloc(1, sizeof(*w));
    unsigned timeout = opt->timeout ? opt->timeout : WIRE_TIMEOUT_DEFAULT;
    int level = opt->level ? opt->level : WIRE_LEVEL_DEFAULT;

    if (!w)
        return -ENOMEM;
    w->in_fd = in_fd;
    w->out_fd = out_fd;
    w->watch_fd = -1;
    w->timeout = timeout;
    w->bytes_per_second = opt->bytes_per_second;
    set_nonblocking(in_fd);
    set_nonblocking(out_fd);
    pthread_mutex_init(&w->turn.lock, NULL);
    pthread_cond_init(&w->turn.next, NULL);
    w->level = opt->level;
    pthread_mutex_init(&w->freight_lock, NULL);
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
    w->broken = -ECANCELED;
    freight_free(w->freight);
    unfreight_free(w->unfreight);
    if (w->in_fd >= 0)
        close(w->in_fd);
    if (w->out_fd >= 0 && w->out_fd != w->in_fd)
        close(w->out_fd);
    ZSTD_freeCStream(w->compressor);
    ZSTD_freeDStream(w->decompressor);
    buf_release(&w->out);
    buf_release(&w->in);
    pthread_mutex_destroy(&w->freight_lock);
    pthread_cond_destroy(&w->turn.next);
    pthread_mutex_destroy(&w->turn.lock);
    free(w);
}

/* How much of length may be written at once; waits until it may. */
static size_t wait_cap(struct wire *w, size_t length)
{
    double slice = w->bytes_per_second * CAP_SLICE, t = monotonic_seconds();
    struct timespec pause;

    if (w->bytes_per_second <= 0)
        return length;
    if (slice < 1)
        slice = 1;
    if (length > slice)
        length = slice;
    if (w->next_write > t) {
        pause.tv_sec = w->next_write - t;
        pause.tv_nsec = (w->next_write - t - pause.tv_sec) * 1e9;
        nanosleep(&pause, NULL);
        atomic_fetch_add(&w->waited, (monotonic_seconds() - t) * 1e6);
    } else {
        w->next_write = t;
    }
    w->next_write += length / w->bytes_per_second;
    return length;
}

/* Waits until fd is ready.  -ETIMEDOUT if it takes too long.  Looks up from
 * time to time: what failed in another thread ends this one as well. */
static int wait_ready(const struct wire *w, int fd, short events)
{
    struct pollfd fds[2] = {
        { .fd = fd, .events = events },
        { .fd = w->watch_fd, .events = POLLRDHUP },
    };
    unsigned seconds = 0;
    int n;

    for (;;) {
        n = poll(fds, 2, 1000);
        if (n > 0)
            return fds[0].revents ? 0 : -ECANCELED;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (w->broken)
            return w->broken;
        seconds += n == 0;
        if (w->timeout && seconds >= w->timeout)
            return -ETIMEDOUT;
    }
}

static int wait_writable(struct wire *w)
{
    double start = monotonic_seconds();
    int rc = wait_ready(w, w->out_fd, POLLOUT);

    atomic_fetch_add(&w->waited, (monotonic_seconds() - start) * 1e6);
    return rc;
}

static int write_all(struct wire *w, const void *data, size_t length)
{
    const uint8_t *p = data;
    size_t piece;
    ssize_t n;
    int rc;

    while (length > 0) {
        piece = wait_cap(w, length);
        while (piece > 0) {
            n = write(w->out_fd, p, piece);
            if (n < 0 && errno == EAGAIN) {
                rc = wait_writable(w);
                if (rc)
                    return rc;
                continue;
            }
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                return errno == ECONNRESET ? -EPIPE : -errno;
            atomic_fetch_add(&w->bytes_out, n);
            p += n;
            piece -= n;
            length -= n;
        }
    }
    return 0;
}

/* Reads length bytes; *got_r tells how many came before an error.  Over a
 * narrow line a payload takes long, and nothing can be worked off until it is
 * there. */
static int read_all(struct wire *w, void *data, size_t length, size_t *got_r)
{
    uint8_t *p = data;
    size_t got = 0;
    ssize_t n;
    int rc = 0;

    while (got < length) {
        n = read(w->in_fd, p + got, length - got);
        if (n < 0 && errno == EAGAIN) {
            rc = wait_ready(w, w->in_fd, POLLIN);
            if (rc)
                break;
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            rc = n == 0 || errno == ECONNRESET ? -EPIPE : -errno;
            break;
        }
        atomic_fetch_add(&w->bytes_in, n);
        if (length > PROTO_HEADER_BYTES)
            wire_worked(w);
        got += n;
    }
    if (got_r)
        *got_r = got;
    return rc;
}

/* Not more than a header: it is no work to take it. */
#define ALIVE_BYTES 8

static void *keep_alive(void *opaque)
{
    struct wire *w = opaque;
    uint8_t worked[ALIVE_BYTES];

    do {
        sleep(ALIVE_SECONDS);
        put_le64(worked, atomic_load(&w->worked));
    } while (!wire_send(w, FRAME_ALIVE, PROTO_NO_DISK, worked,
                        sizeof(worked)));
    return NULL;
}

void wire_worked(struct wire *w)
{
    atomic_fetch_add(&w->worked, 1);
}

void wire_set_timeout(struct wire *w, unsigned seconds)
{
    w->timeout = seconds;
}

unsigned wire_timeout(const struct wire *w)
{
    return w->timeout;
}

int wire_keep_alive(struct wire *w)
{
    pthread_t thread;
    int rc = -pthread_create(&thread, NULL, keep_alive, w);

    if (!rc)
        pthread_detach(thread);
    return rc;
}

/* The first line that is not empty. */
static void printable(const uint8_t *data, size_t n, char *out, size_t size)
{
    size_t i, at = 0;

    while (at < n && isspace(data[at]))
        at++;
    data += at;
    n -= at;
    for (i = 0; i < n && i + 1 < size && data[i] != '\n' && data[i] != '\r';
         i++)
        out[i] = isprint(data[i]) ? data[i] : '?';
    out[i] = '\0';
}

static bool has_line(const uint8_t *data, size_t n)
{
    size_t at = 0;

    while (at < n && isspace(data[at]))
        at++;
    return at < n && memchr(data + at, '\n', n - at);
}

/* Whoever prints there may print more of the line that began: data holds got
 * bytes of it, and has room for size.  Returns how many there are then. */
static size_t read_line(struct wire *w, uint8_t *data, size_t got, size_t size)
{
    struct pollfd pfd = { .fd = w->in_fd, .events = POLLIN };
    ssize_t n;

    while (got < size && !has_line(data, got)) {
        if (poll(&pfd, 1, LINE_MS) <= 0)
            break;
        n = read(w->in_fd, data + got, size - got);
        if (n <= 0)
            break;
        got += n;
    }
    return got;
}

/* What these bytes are, of which the first eight are right.  A terminal shows
 * control characters as two, and changes the ends of lines. */
static int judge(const uint8_t greeting[PROTO_GREETING_BYTES])
{
    struct cursor c = CURSOR_INIT(greeting, PROTO_GREETING_BYTES);
    unsigned version;

    cursor_get(&c, 8);
    version = cursor_u16(&c);
    if (version > PROTO_VERSION_MAX)
        return -EILSEQ;
    if (version != PROTO_VERSION)
        return -EPROTONOSUPPORT;
    return memcmp(greeting + PROTO_GREETING_BYTES - 2, PROTO_LINE_END, 2) ?
        -EILSEQ : 0;
}

static int say_greeting(struct wire *w)
{
    struct buf b = BUF_INIT;
    int rc;

    buf_put(&b, PROTO_MAGIC, 8);
    buf_put_u16(&b, PROTO_VERSION);
    buf_put_u16(&b, PROTO_REVISION);
    buf_put_u16(&b, 0);
    buf_put(&b, PROTO_LINE_END, 2);
    rc = b.failed ? -ENOMEM : write_all(w, b.data, b.length);
    buf_release(&b);
    return rc;
}

/* Reads a greeting, or up to the byte that shows that it is none. */
static int read_greeting(struct wire *w, uint8_t *peer, size_t *got_r)
{
    size_t got = 0;
    int rc = 0;

    while (got < PROTO_GREETING_BYTES && !rc) {
        rc = read_all(w, peer + got, 1, NULL);
        if (!rc && got < 8 && peer[got] != PROTO_MAGIC[got])
            rc = -EPROTO;
        got += !rc || rc == -EPROTO;
    }
    *got_r = got;
    return rc;
}

static int greet(struct wire *w, char *garbage, size_t size)
{
    uint8_t peer[GARBAGE_BYTES];
    size_t got;
    int rc;

    garbage[0] = '\0';
    rc = say_greeting(w);
    if (rc && rc != -EPIPE)
        return rc;
    /* After a failed write the reason may still be there to be read. */
    rc = read_greeting(w, peer, &got);
    if (got == 0 || rc == -ECANCELED)
        return rc;
    if (rc == -EPROTO || got < 8) {
        if (rc == -EPROTO)
            got = read_line(w, peer, got, sizeof(peer));
        /* 3 is Ctrl-C there, which throws away what came before it. */
        if (memmem(peer, got, ECHO, strlen(ECHO)))
            return -EILSEQ;
        printable(peer, got, garbage, size);
        return -EPROTO;
    }
    return rc ? rc : judge(peer);
}

int wire_greet(struct wire *w, int watch_fd, char *garbage, size_t size)
{
    unsigned timeout = w->timeout;
    int rc;

    w->timeout = 0;
    w->watch_fd = watch_fd;
    rc = greet(w, garbage, size);
    w->timeout = timeout;
    w->watch_fd = -1;
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
        rc = write_all(w, w->out.data, w->out.length);
        if (!rc && account < PROTO_DISKS_MAX)
            atomic_fetch_add(&w->disks[account].out, w->out.length);
    }
    end_turn(w);
    return rc;
}

int wire_send(struct wire *w, uint16_t type, uint16_t disk,
              const void *data, size_t length)
{
    return send_frame(w, type, disk, disk, data, length,
                      length >= COMPRESS_MIN);
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
        w->broken = rc;
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
        return read_all(w, f->data, on_wire, NULL);
    buf_reset(&w->in);
    if (!buf_reserve(&w->in, on_wire))
        return -ENOMEM;
    rc = read_all(w, w->in.data, on_wire, NULL);
    return rc ? rc : decompress(w, f, on_wire);
}

static int recv_frame(struct wire *w, struct frame *f)
{
    uint8_t header[PROTO_HEADER_BYTES];
    struct cursor c = CURSOR_INIT(header, sizeof(header));
    uint32_t on_wire, raw;
    int rc;

    memset(f, 0, sizeof(*f));
    rc = read_all(w, header, sizeof(header), NULL);
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

double wire_waited(const struct wire *w)
{
    return atomic_load(&w->waited) * 1e-6;
}

uint64_t wire_bytes_out(const struct wire *w)
{
    return atomic_load(&w->bytes_out);
}

uint64_t wire_bytes_in(const struct wire *w)
{
    return atomic_load(&w->bytes_in);
}

void wire_bytes_of_disk(const struct wire *w, uint16_t disk, uint64_t *out_r,
                        uint64_t *in_r)
{
    *out_r = atomic_load(&w->disks[disk].out);
    *in_r = atomic_load(&w->disks[disk].in);
}
