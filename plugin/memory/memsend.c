/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory stream on its way to the wire; see memsend.h. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/clock.h"
#include "plugin/base/log.h"
#include "plugin/memory/adapt_effort.h"
#include "plugin/memory/mempack.h"
#include "plugin/memory/memsend.h"
#include "plugin/memory/memstream.h"
#include "plugin/memory/stream_digest.h"
#include "plugin/proto.h"

#define PAGE MEMSTREAM_PAGE

#define QUEUE_MAX 2             /* batches that wait to be packed */
#define KEPT_MAX (32u << 20)    /* bytes of pages that might be asked for */
#define PAGES_IN_FRAME 128u     /* of these */

/* Between looks at whether the target still takes what is sent. */
#define LOOK_MS 1000

/* A batch from the encoder; once it is sent, only what may be asked for. */
struct entry {
    struct entry *next;
    struct memory_batch batch;
    uint64_t number;            /* of the frame */
    size_t payload;             /* bytes of it */
    uint32_t asked;             /* pages that the target has asked for */
};

struct list {
    struct entry *head;
    struct entry **tail;
};

/* What the target asked for. */
struct want {
    struct want *next;
    uint64_t number;
    size_t count;
    uint32_t page[];
};

struct memsend {
    struct wire *wire;
    struct memsend_options opt;
    struct memencoder *encoder;
    struct stream_digest *digest;
    struct mempack *pack;       /* sending thread only, as the next two */
    struct adapt_effort effort;
    double line_seconds;        /* waited for the target to take */
    uint64_t bytes;             /* feeding thread only, as the next */
    double left;                /* when the feeding last went to wait for xl */
    atomic_uint_fast64_t xl_ns; /* how long it has waited for xl */

    pthread_mutex_t lock;       /* covers what follows */
    pthread_cond_t changed;
    struct list waiting;
    unsigned n_waiting;
    bool sending;               /* one is on its way to the wire */
    struct list sent;           /* not taken by the target yet */
    uint64_t next_number;
    size_t payload;             /* bytes of those, */
    size_t kept;                /* and of the pages kept for them */
    struct want *wants;
    struct want **wants_tail;
    uint64_t wire_bytes;
    uint64_t given_ms;          /* since when the target has had something */
    unsigned limit;             /* seconds without getting on; 0: none */
    int error;
};

static void push(struct list *l, struct entry *e)
{
    e->next = NULL;
    *l->tail = e;
    l->tail = &e->next;
}

static struct entry *pop(struct list *l)
{
    struct entry *e = l->head;

    l->head = e->next;
    if (!l->head)
        l->tail = &l->head;
    return e;
}

static void entry_free(struct entry *e)
{
    memory_batch_release(&e->batch);
    free(e);
}

/* Sending thread */

/* Commands and data of a batch that is on its way are not needed again. */
static void strip(struct memory_batch *b)
{
    buf_release(&b->commands);
    buf_release(&b->data);
}

static struct adapt_effort_sample sample(struct memsend *m)
{
    struct adapt_effort_sample s = {
        .now = monotonic_seconds(),
        .line = wire_waited(m->wire) + m->line_seconds,
        .xl = atomic_load(&m->xl_ns) * 1e-9,
    };

    pthread_mutex_lock(&m->lock);
    s.sent = m->wire_bytes;
    s.queued = m->payload;
    pthread_mutex_unlock(&m->lock);
    return s;
}

static void account(struct memsend *m, uint64_t bytes)
{
    struct adapt_effort_sample now = sample(m);

    adapt_effort_sent(&m->effort, bytes, &now);
    memencoder_set_cheap(m->encoder, m->effort.level == EFFORT_CHEAP);
}

static int send_batch(struct memsend *m, struct entry *e)
{
    uint64_t bytes = e->batch.data.length + e->batch.kept.length;
    const struct buf *payload;
    int rc;

    rc = mempack_batch(m->pack, &e->batch, adapt_effort_packing(&m->effort),
                       &payload);
    if (!rc && m->next_number == 0)
        rc = wire_send(m->wire, FRAME_MEMORY_KEY, PROTO_NO_DISK, m->opt.key,
                       PROTO_MEMORY_KEY);
    strip(&e->batch);
    pthread_mutex_lock(&m->lock);
    e->payload = payload->length;
    e->number = m->next_number++;
    m->payload += e->payload;
    m->kept += e->batch.kept.length;
    m->wire_bytes += e->payload;
    if (!m->sent.head)
        m->given_ms = monotonic_ms();
    push(&m->sent, e);
    pthread_mutex_unlock(&m->lock);
    if (!rc)
        rc = wire_send_plain(m->wire, FRAME_CODED, PROTO_NO_DISK, payload);
    account(m, bytes);
    pthread_mutex_lock(&m->lock);
    m->sending = false;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    return rc;
}

static struct entry *find_sent(struct memsend *m, uint64_t number)
{
    struct entry *e;

    for (e = m->sent.head; e && e->number != number; e = e->next)
        ;
    return e;
}

/* Puts the pages of want from *at on that fit into a frame, and moves *at past
 * them.  0 or -EPROTO. */
static int put_pages(struct memsend *m, const struct want *want, size_t *at,
                     struct buf *b)
{
    struct entry *e;
    size_t n, pages;

    pthread_mutex_lock(&m->lock);
    e = find_sent(m, want->number);
    pages = e ? e->batch.kept.length / PAGE : 0;
    for (n = 0; *at < want->count && n < PAGES_IN_FRAME; n++, ++*at) {
        if (want->page[*at] >= pages || e->asked++ >= pages)
            break;
        buf_put(b, e->batch.kept.data + (size_t)want->page[*at] * PAGE, PAGE);
    }
    pthread_mutex_unlock(&m->lock);
    return *at < want->count && n < PAGES_IN_FRAME ? -EPROTO : 0;
}

static int send_wanted(struct memsend *m, const struct want *want)
{
    struct buf b = BUF_INIT;
    size_t at = 0;
    int rc = 0;

    while (at < want->count && !rc) {
        buf_reset(&b);
        rc = put_pages(m, want, &at, &b);
        if (!rc)
            rc = wire_send_buf(m->wire, FRAME_PAGES, PROTO_NO_DISK, &b);
    }
    buf_release(&b);
    return rc;
}

static bool window_open(const struct memsend *m)
{
    return m->payload < PROTO_MEMORY_WINDOW && m->kept < KEPT_MAX;
}

/* With the lock held.  Whether the target takes nothing any more. */
static bool is_stuck(struct memsend *m)
{
    uint64_t since = m->opt.heard_ms(m->opt.opaque);

    if (since < m->given_ms)
        since = m->given_ms;
    if (!m->limit || !m->sent.head ||
        monotonic_ms() - since < UINT64_C(1000) * m->limit)
        return false;
    log_error("%s: has taken nothing of the guest's memory for %u seconds; "
              "does its xl or its storage hang? --dedup-timeout sets another "
              "limit", m->opt.peer, m->limit);
    return true;
}

/* With the lock held. */
static void wait_for_work(struct memsend *m)
{
    struct timespec until = monotonic_in(LOOK_MS);

    pthread_cond_timedwait(&m->changed, &m->lock, &until);
    if (!m->error && is_stuck(m)) {
        m->error = -ETIME;
        pthread_cond_broadcast(&m->changed);
    }
}

/* What to do next: a want, or an entry, or neither when there is an error. */
static void next_work(struct memsend *m, struct want **want,
                      struct entry **entry)
{
    *want = NULL;
    *entry = NULL;
    pthread_mutex_lock(&m->lock);
    while (!m->error && !m->wants &&
           !(m->waiting.head && window_open(m))) {
        bool line = m->waiting.head != NULL;
        double start = monotonic_seconds();

        wait_for_work(m);
        m->line_seconds += line ? monotonic_seconds() - start : 0;
    }
    if (!m->error && m->wants) {
        *want = m->wants;
        m->wants = (*want)->next;
        if (!m->wants)
            m->wants_tail = &m->wants;
    } else if (!m->error) {
        *entry = pop(&m->waiting);
        m->n_waiting--;
        m->sending = true;
        pthread_cond_broadcast(&m->changed);
    }
    pthread_mutex_unlock(&m->lock);
}

static void fail(struct memsend *m, int rc)
{
    pthread_mutex_lock(&m->lock);
    if (!m->error)
        m->error = rc;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
}

static void *run(void *opaque)
{
    struct memsend *m = opaque;
    struct entry *entry;
    struct want *want;
    int rc = 0;

    while (!rc) {
        next_work(m, &want, &entry);
        if (want)
            rc = send_wanted(m, want);
        else if (entry)
            rc = send_batch(m, entry);
        else
            break;
        free(want);
    }
    if (rc)
        fail(m, rc);
    return NULL;
}

/* Feeding thread */

static int take_batch(void *opaque, struct memory_batch *b)
{
    struct memsend *m = opaque;
    struct entry *e = calloc(1, sizeof(*e));
    int rc;

    if (!e)
        return -ENOMEM;
    e->batch = *b;
    *b = (struct memory_batch)MEMORY_BATCH_INIT;
    pthread_mutex_lock(&m->lock);
    while (!m->error && m->n_waiting >= QUEUE_MAX)
        pthread_cond_wait(&m->changed, &m->lock);
    rc = m->error;
    if (!rc) {
        push(&m->waiting, e);
        m->n_waiting++;
        pthread_cond_broadcast(&m->changed);
    }
    pthread_mutex_unlock(&m->lock);
    if (rc)
        entry_free(e);
    return rc;
}

static int current_error(struct memsend *m)
{
    int rc;

    pthread_mutex_lock(&m->lock);
    rc = m->error;
    pthread_mutex_unlock(&m->lock);
    return rc;
}

static int send_raw(struct memsend *m, const void *data, size_t length)
{
    int rc = current_error(m);

    return rc ? rc :
        wire_send(m->wire, FRAME_MEMORY, PROTO_NO_DISK, data, length);
}

int memsend_bytes(struct memsend *m, const void *data, size_t length)
{
    int rc;

    atomic_fetch_add(&m->xl_ns, (monotonic_seconds() - m->left) * 1e9);
    stream_digest_begin(m->digest, data, length);
    rc = m->encoder ? memencoder_feed(m->encoder, data, length) :
        send_raw(m, data, length);
    m->bytes += length;
    stream_digest_wait(m->digest);
    m->left = monotonic_seconds();
    return rc;
}

int memsend_flush(struct memsend *m)
{
    return m->encoder ? memencoder_flush(m->encoder) : 0;
}

/* Waits until every batch is on the wire. */
static int wait_sent(struct memsend *m)
{
    int rc;

    pthread_mutex_lock(&m->lock);
    while (!m->error && (m->waiting.head || m->sending))
        pthread_cond_wait(&m->changed, &m->lock);
    rc = m->error;
    pthread_mutex_unlock(&m->lock);
    return rc;
}

int memsend_end(struct memsend *m)
{
    uint8_t digest[HASH_BYTES];
    struct buf b = BUF_INIT;
    int rc = m->encoder ? memencoder_finish(m->encoder) : 0;

    if (!rc)
        rc = wait_sent(m);
    stream_digest_final(m->digest, digest);
    buf_put_u64(&b, m->bytes);
    buf_put(&b, digest, HASH_BYTES);
    if (!rc)
        rc = wire_send_buf(m->wire, FRAME_MEMORY_END, PROTO_NO_DISK, &b);
    buf_release(&b);
    return rc;
}

void memsend_limit(struct memsend *m, unsigned seconds)
{
    pthread_mutex_lock(&m->lock);
    m->limit = seconds;
    m->given_ms = monotonic_ms();
    pthread_mutex_unlock(&m->lock);
}

void memsend_abort(struct memsend *m)
{
    fail(m, -EPIPE);
}

/* Receiving thread */

/* All frames before `number` are taken. */
static int take_taken(struct memsend *m, struct cursor *c)
{
    uint64_t number = cursor_u64(c);
    struct entry *e;
    int rc = 0;

    pthread_mutex_lock(&m->lock);
    if (c->bad || cursor_left(c) > 0 || number > m->next_number)
        rc = -EPROTO;
    while (!rc && m->sent.head && m->sent.head->number < number) {
        e = pop(&m->sent);
        m->payload -= e->payload;
        m->kept -= e->batch.kept.length;
        entry_free(e);
    }
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    return rc;
}

static int take_missed(struct memsend *m, struct cursor *c)
{
    uint64_t number = cursor_u64(c);
    size_t count = cursor_left(c) / 4, i;
    struct want *want;

    if (c->bad || cursor_left(c) % 4 || count == 0 ||
        count > PROTO_MEMORY_DISK)
        return -EPROTO;
    want = malloc(sizeof(*want) + count * sizeof(want->page[0]));
    if (!want)
        return -ENOMEM;
    want->next = NULL;
    want->number = number;
    want->count = count;
    for (i = 0; i < count; i++)
        want->page[i] = cursor_u32(c);
    pthread_mutex_lock(&m->lock);
    *m->wants_tail = want;
    m->wants_tail = &want->next;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    return 0;
}

int memsend_answer(struct memsend *m, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);

    if (f->type == FRAME_TAKEN)
        return take_taken(m, &c);
    return f->type == FRAME_MISSED ? take_missed(m, &c) : -EPROTO;
}

/* Setting up */

static int start_coding(struct memsend *m)
{
    struct memencoder_options opt = {
        .cache_bytes = m->opt.cache_bytes,
        .index = m->opt.index,
        .emit = take_batch,
        .opaque = m,
    };
    pthread_t thread;
    int rc;

    memcpy(opt.key, m->opt.key, sizeof(opt.key));
    rc = memencoder_new(&m->encoder, &opt);
    if (!rc)
        rc = mempack_new(&m->pack, m->opt.level);
    if (!rc)
        rc = -pthread_create(&thread, NULL, run, m);
    if (!rc)
        pthread_detach(thread);
    return rc;
}

int memsend_new(struct memsend **m_r, struct wire *w,
                const struct memsend_options *opt)
{
    struct memsend *m = calloc(1, sizeof(*m));
    struct adapt_effort_sample now;
    int rc;

    if (!m)
        return -ENOMEM;
    m->wire = w;
    m->opt = *opt;
    m->waiting.tail = &m->waiting.head;
    m->sent.tail = &m->sent.head;
    m->wants_tail = &m->wants;
    m->left = monotonic_seconds();
    pthread_mutex_init(&m->lock, NULL);
    now = sample(m);
    adapt_effort_init(&m->effort, &now);
    monotonic_cond_init(&m->changed);
    rc = stream_digest_new(&m->digest);
    if (!rc && opt->coded)
        rc = start_coding(m);
    /* The session ends after a failure, and the process with it. */
    if (!rc)
        *m_r = m;
    return rc;
}

void memsend_counts(struct memsend *m, struct memory_counts *counts_r,
                    uint64_t *wire_bytes_r)
{
    memset(counts_r, 0, sizeof(*counts_r));
    if (m->encoder)
        *counts_r = *memencoder_counts(m->encoder);
    counts_r->bytes = m->bytes;
    pthread_mutex_lock(&m->lock);
    *wire_bytes_r = m->wire_bytes;
    pthread_mutex_unlock(&m->lock);
}
