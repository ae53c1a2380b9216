/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory stream as it comes from the wire; see memreceive.h. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zstd.h>

#include "plugin/base/digest.h"
#include "plugin/base/log.h"
#include "plugin/memory/memdecode.h"
#include "plugin/memory/memreceive.h"
#include "plugin/proto.h"

#define STOP_SECONDS 30
#define PAGE PROTO_BLOCK

struct entry {
    struct entry *next;
    struct frame frame;
};

struct memreceive {
    struct wire *wire;
    struct memreceive_options opt;
    pthread_t thread;

    /* Decoding thread only. */
    struct memdecoder *decoder;
    ZSTD_DStream *unpack[2];
    uint8_t *content;
    uint64_t number;            /* of the CODED frame at hand */
    struct digest digest;

    pthread_mutex_t lock;       /* covers what follows */
    pthread_cond_t changed;
    struct entry *head;
    struct entry **tail;
    size_t queued;              /* bytes of payload, that at hand included */
    bool busy;                  /* a frame is at hand */
    bool stop;
    bool keyed;
    int error;
    uint64_t bytes;             /* of the stream, written */
    /* Pages that were asked for. */
    uint8_t *const *page;
    size_t pages_asked;
    size_t pages_came;
};

static int write_out(void *opaque, const void *data, size_t length)
{
    struct memreceive *m = opaque;
    int rc = m->opt.write(m->opt.opaque, data, length);

    digest_update(&m->digest, data, length);
    pthread_mutex_lock(&m->lock);
    m->bytes += length;
    if (!rc && m->stop)
        rc = -ECANCELED;
    pthread_mutex_unlock(&m->lock);
    return rc;
}

static int read_disk(void *opaque, uint64_t disk, uint64_t offset, void *data,
                     size_t length)
{
    struct memreceive *m = opaque;

    return m->opt.read(m->opt.opaque, disk, offset, data, length);
}

/* Asks for pages of the frame at hand and waits for them. */
static int ask(void *opaque, const uint32_t *number, uint8_t *const *page,
               size_t count)
{
    struct memreceive *m = opaque;
    struct buf b = BUF_INIT;
    size_t i;
    int rc;

    buf_put_u64(&b, m->number);
    for (i = 0; i < count; i++)
        buf_put_u32(&b, number[i]);
    pthread_mutex_lock(&m->lock);
    m->page = page;
    m->pages_asked = count;
    m->pages_came = 0;
    pthread_mutex_unlock(&m->lock);
    rc = wire_send_buf(m->wire, FRAME_MISSED, PROTO_NO_DISK, &b);
    buf_release(&b);
    pthread_mutex_lock(&m->lock);
    while (!rc && m->pages_came < count && !m->stop)
        pthread_cond_wait(&m->changed, &m->lock);
    if (!rc && m->stop)
        rc = -ECANCELED;
    m->pages_asked = 0;
    pthread_mutex_unlock(&m->lock);
    return rc;
}

/* Content of pages that were asked for (receiving thread). */
static int take_pages(struct memreceive *m, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    const uint8_t *page;
    int rc = 0;

    pthread_mutex_lock(&m->lock);
    while (cursor_left(&c) > 0 && !rc) {
        page = cursor_get(&c, PAGE);
        if (page && m->pages_came < m->pages_asked)
            memcpy(m->page[m->pages_came++], page, PAGE);
        else
            rc = -EPROTO;
    }
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    return rc;
}

/* The content of a CODED frame, for memdecoder_frame(). */
static int unpack(struct memreceive *m, const struct frame *f,
                  const uint8_t **content_r, size_t *length_r)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    uint8_t packing = cursor_u8(&c);
    uint32_t length = cursor_u32(&c);
    ZSTD_inBuffer in = { c.p, cursor_left(&c), 0 };
    ZSTD_outBuffer out = { m->content, (size_t)length + 1, 0 };
    size_t rc, before;

    if (c.bad || length > PROTO_RAW_MAX || packing > MEMORY_FAST)
        return -EPROTO;
    *length_r = length;
    *content_r = packing == MEMORY_STORED ? c.p : m->content;
    if (packing == MEMORY_STORED)
        return cursor_left(&c) == length ? 0 : -EPROTO;
    do {
        before = in.pos + out.pos;
        rc = ZSTD_decompressStream(m->unpack[packing - MEMORY_PACKED], &out,
                                   &in);
    } while (!ZSTD_isError(rc) && in.pos < in.size &&
             in.pos + out.pos > before);
    return ZSTD_isError(rc) || in.pos < in.size || out.pos != length ?
        -EPROTO : 0;
}

static int take_coded(struct memreceive *m, const struct frame *f)
{
    const uint8_t *content;
    struct buf b = BUF_INIT;
    size_t length;
    int rc;

    rc = unpack(m, f, &content, &length);
    if (!rc)
        rc = memdecoder_frame(m->decoder, content, length);
    m->number++;
    if (rc)
        return rc;
    buf_put_u64(&b, m->number);
    rc = wire_send_buf(m->wire, FRAME_TAKEN, PROTO_NO_DISK, &b);
    buf_release(&b);
    return rc;
}

static int take_key(struct memreceive *m, const struct frame *f)
{
    if (f->length != PROTO_MEMORY_KEY)
        return -EPROTO;
    memdecoder_set_key(m->decoder, f->data);
    return 0;
}

static int take_frame(struct memreceive *m, const struct frame *f)
{
    switch (f->type) {
    case FRAME_MEMORY:
        return write_out(m, f->data, f->length);
    case FRAME_MEMORY_KEY:
        return take_key(m, f);
    default:
        return take_coded(m, f);
    }
}

/* The next entry; NULL when it is time to end. */
static struct entry *next(struct memreceive *m)
{
    struct entry *e;

    pthread_mutex_lock(&m->lock);
    while (!m->head && !m->stop)
        pthread_cond_wait(&m->changed, &m->lock);
    e = m->stop ? NULL : m->head;
    if (e) {
        m->head = e->next;
        if (!m->head)
            m->tail = &m->head;
        m->busy = true;
    }
    pthread_mutex_unlock(&m->lock);
    return e;
}

static void done(struct memreceive *m, struct entry *e, int rc)
{
    pthread_mutex_lock(&m->lock);
    m->queued -= e->frame.length;
    m->busy = false;
    m->error = rc;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    frame_release(&e->frame);
    free(e);
}

static void *run(void *opaque)
{
    struct memreceive *m = opaque;
    struct entry *e;
    int rc = 0;

    while (!rc && (e = next(m))) {
        rc = take_frame(m, &e->frame);
        done(m, e, rc);
    }
    if (rc && rc != -ECANCELED)
        m->opt.failed(m->opt.opaque, rc);
    return NULL;
}

void memreceive_free(struct memreceive *m)
{
    struct entry *e;

    while ((e = m->head)) {
        m->head = e->next;
        frame_release(&e->frame);
        free(e);
    }
    memdecoder_free(m->decoder);
    ZSTD_freeDStream(m->unpack[0]);
    ZSTD_freeDStream(m->unpack[1]);
    free(m->content);
    pthread_mutex_destroy(&m->lock);
    pthread_cond_destroy(&m->changed);
    free(m);
}

int memreceive_new(struct memreceive **m_r, struct wire *w,
                   const struct memreceive_options *opt)
{
    struct memreceive *m = calloc(1, sizeof(*m));
    struct memdecoder_options decoder = { write_out, read_disk, ask, m,
                                          opt->budget };
    int rc, i;

    if (!m)
        return -ENOMEM;
    m->wire = w;
    m->opt = *opt;
    m->tail = &m->head;
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->changed, NULL);
    digest_init(&m->digest);
    m->content = malloc(PROTO_RAW_MAX + 1);
    rc = memdecoder_new(&m->decoder, &decoder);
    for (i = 0; i < 2; i++) {
        m->unpack[i] = ZSTD_createDStream();
        if (m->unpack[i])
            ZSTD_DCtx_setParameter(m->unpack[i], ZSTD_d_windowLogMax,
                                   PROTO_MEMORY_WINDOW_LOG);
    }
    if (!rc && (!m->content || !m->unpack[0] || !m->unpack[1]))
        rc = -ENOMEM;
    if (!rc)
        rc = -pthread_create(&m->thread, NULL, run, m);
    if (rc)
        memreceive_free(m);
    else
        *m_r = m;
    return rc;
}

bool memreceive_stop(struct memreceive *m)
{
    struct timespec limit;

    pthread_mutex_lock(&m->lock);
    m->stop = true;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += STOP_SECONDS;
    return !pthread_timedjoin_np(m->thread, NULL, &limit);
}

static int enqueue(struct memreceive *m, struct frame *f)
{
    struct entry *e = malloc(sizeof(*e));
    bool plain = f->type == FRAME_MEMORY;
    int rc;

    if (!e)
        return -ENOMEM;
    pthread_mutex_lock(&m->lock);
    while (plain && m->queued > PROTO_MEMORY_WINDOW && !m->error && !m->stop)
        pthread_cond_wait(&m->changed, &m->lock);
    rc = m->stop ? -ECANCELED : m->error;
    if (!rc && m->queued > PROTO_MEMORY_WINDOW + PROTO_WIRE_MAX)
        rc = -EPROTO;
    if (!rc && f->type == FRAME_MEMORY_KEY) {
        rc = m->keyed ? -EPROTO : 0;
        m->keyed = true;
    }
    if (!rc && f->type == FRAME_CODED && !m->keyed)
        rc = -EPROTO;
    if (rc) {
        free(e);
    } else {
        e->frame = *f;
        e->next = NULL;
        memset(f, 0, sizeof(*f));
        m->queued += e->frame.length;
        *m->tail = e;
        m->tail = &e->next;
        pthread_cond_broadcast(&m->changed);
    }
    pthread_mutex_unlock(&m->lock);
    return rc;
}

int memreceive_frame(struct memreceive *m, struct frame *f)
{
    switch (f->type) {
    case FRAME_MEMORY:
    case FRAME_MEMORY_KEY:
    case FRAME_CODED:
        return enqueue(m, f);
    case FRAME_PAGES:
        return take_pages(m, f);
    default:
        return -EPROTO;
    }
}

int memreceive_finish(struct memreceive *m, uint64_t bytes,
                      const uint8_t digest[HASH_BYTES])
{
    uint8_t own[HASH_BYTES];
    int rc;

    pthread_mutex_lock(&m->lock);
    while ((m->head || m->busy) && !m->error && !m->stop)
        pthread_cond_wait(&m->changed, &m->lock);
    rc = m->error ? m->error : m->stop ? -ECANCELED : 0;
    if (!rc && m->bytes != bytes)
        rc = -EBADMSG;
    pthread_mutex_unlock(&m->lock);
    if (rc)
        return rc;
    /* The thread has nothing to do any more. */
    digest_final(&m->digest, own);
    return sodium_memcmp(own, digest, HASH_BYTES) ? -EBADMSG : 0;
}
