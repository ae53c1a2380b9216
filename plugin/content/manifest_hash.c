/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hashing of a manifest's objects by several threads.
 *
 * Each thread takes spans (spans.h), until there is none any more.  It cuts the
 * residual bytes in a span into raw objects, and hashes those files completely
 * that begin in it.
 *
 * A file's bytes are hashed in their order, so one file keeps one thread
 * busy; its further extents are fetched wherever they lie.
 *
 * Each thread owns a window (the span, read at once if most of it is wanted:
 * small files and slack would otherwise cost a system call or, with O_DIRECT, a
 * seek each) and a buffer for everything else.
 *
 * If digests of the image's segments are asked for as well (opt->segments),
 * those are made for which nothing has to be read twice: that of a window, and
 * those in the middle of a long extent.
 *
 * Objects are reported as findings (findings.h), whose lock is held in calls of
 * found(); the lock of struct hashing may be taken within.  It is a leaf apart
 * from what the progress callback takes.  After the first failure no span is
 * handed out any more.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/digest.h"
#include "plugin/base/log.h"
#include "plugin/base/threads.h"
#include "plugin/base/zero.h"
#include "plugin/content/findings.h"
#include "plugin/content/manifest_hash.h"
#include "plugin/content/segment.h"
#include "plugin/content/spans.h"
#include "plugin/proto.h"

#define BUFFER_SIZE RAW_OBJECT_MAX
#define PIECE (256u << 10)      /* of a file; stays in a processor's cache */
#define BUFFER_ALIGN 4096u
#define PACKED_MIN (32u << 10)  /* content that is shorter does not matter */
#define PACKED_SAMPLE (2u << 10)

_Static_assert(RAW_OBJECT_MAX == PROTO_SEGMENT, "spans lie in segments");

struct hashing {
    struct manifest *m;
    const struct manifest_options *opt;
    struct findings *findings;  /* NULL: nobody waits for them */
    uint64_t total;             /* bytes to be read */
    pthread_mutex_t lock;       /* covers what follows, and m->chunks */
    struct spans *spans;        /* taking one */
    uint64_t done;              /* bytes that were read */
    int rc;                     /* the first failure */
};

struct worker {
    struct hashing *h;
    uint8_t *window;
    uint64_t window_start, window_end;
    uint8_t *buf;
    struct segment_run run;     /* of the extent that is read */
    struct raw_chunk *raw;      /* where the next one goes, if there is room */
    const struct object **objects;  /* found in this span */
    size_t n_objects, room;
};

/* Whether it looks as if content, PACKED_MIN bytes at least, did not compress.
 * The sum of the squares of how often each byte occurs tells: of n random bytes
 * it is n + n * (n - 1) / 256 on average, of text ten times as much. */
static bool is_packed(const uint8_t *data, size_t length)
{
    const uint32_t n = PACKED_SAMPLE, random = n + n * (n - 1) / 256;
    const uint8_t *p = data + (length - n) / 2;
    uint32_t count[256] = { 0 }, squares = 0, i;

    for (i = 0; i < n; i++)
        squares += 2 * count[p[i]]++ + 1;
    return squares < random + random / 4;
}

/* The part of a region that lies in the span, which does not end before it;
 * false: there is none. */
static bool part_in_span(const struct fsparse_region *r,
                         const struct span *span, uint64_t *start_r,
                         uint64_t *end_r)
{
    uint64_t end = r->offset + r->length;

    *start_r = r->offset > span->start ? r->offset : span->start;
    *end_r = end < span->end ? end : span->end;
    return *start_r < span->end;
}

static bool take_span(struct hashing *h, struct span *span)
{
    bool taken;

    pthread_mutex_lock(&h->lock);
    taken = !h->rc && spans_take(h->spans, span);
    pthread_mutex_unlock(&h->lock);
    return taken;
}

/* Counts n bytes as read.  Returns what has failed elsewhere. */
static int account(struct hashing *h, uint64_t n)
{
    int rc;

    pthread_mutex_lock(&h->lock);
    h->done += n;
    if (!h->rc && h->opt->stop && atomic_load(h->opt->stop))
        h->rc = -ECANCELED;
    rc = h->rc;
    if (!rc && h->opt->progress)
        h->opt->progress(h->opt->opaque, h->done, h->total);
    pthread_mutex_unlock(&h->lock);
    return rc;
}

/* Makes *data_r point to length <= BUFFER_SIZE bytes of the image, valid
 * until the next call. */
static int fetch(struct worker *w, uint64_t offset, size_t length,
                 const uint8_t **data_r)
{
    *data_r = w->buf;
    if (offset >= w->window_start && offset + length <= w->window_end) {
        *data_r = w->window + (offset - w->window_start);
        return 0;
    }
    return image_read(w->h->m->image, w->buf, length, offset);
}

/* What was read with the window has its digest as a segment from there. */
static void begin_run(struct worker *w, uint64_t start, uint64_t end)
{
    if (start >= w->window_start && start < w->window_end)
        start = w->window_end;
    segment_run_begin(&w->run, w->h->opt->segments, start, end);
}

/* Lets the kernel read what comes next, as far as it may. */
static void read_ahead(struct worker *w, uint64_t offset, uint64_t length)
{
    image_will_need(w->h->m->image, offset,
                    length < SPAN_READ_AHEAD ? length : SPAN_READ_AHEAD);
}

static int hash_extent(struct worker *w, struct content_digest *c,
                       struct object *o, const struct fsparse_extent *e)
{
    uint64_t pos = e->physical, end = e->physical + e->length;
    const uint8_t *data;
    size_t n;
    int rc;

    begin_run(w, pos, end);
    for (; pos < end; pos += n) {
        n = end - pos < PIECE ? end - pos : PIECE;
        if (end - pos > PIECE && (pos - e->physical) % SPAN_READ_AHEAD == 0)
            read_ahead(w, pos + n, end - pos - n);
        rc = fetch(w, pos, n, &data);
        if (rc)
            return rc;
        if (pos == e->physical && e->logical == 0 && n >= PACKED_MIN)
            o->packed = is_packed(data, n);
        content_digest_data(c, data, n);
        segment_run_put(&w->run, data, n, pos);
        rc = account(w->h, n);
        if (rc)
            return rc;
    }
    return 0;
}

static int hash_file(struct worker *w, struct object *o)
{
    const struct fsparse_file *f = &w->h->m->map->files[o->file];
    struct content_digest c;
    uint64_t pos = 0;
    size_t i;
    int rc;

    content_digest_init(&c);
    if (f->flags & FSPARSE_INLINE)
        content_digest_data(&c, f->inline_data, f->size);
    for (i = 0; i < f->n_extents; i++) {
        content_digest_zeros(&c, f->extents[i].logical - pos);
        rc = hash_extent(w, &c, o, &f->extents[i]);
        if (rc)
            return rc;
        pos = f->extents[i].logical + f->extents[i].length;
    }
    if (!(f->flags & FSPARSE_INLINE) && c.started)
        content_digest_zeros(&c, f->size - pos);
    o->zero = content_digest_final(&c, o->hash);
    return 0;
}

/* Notes an object that is to be reported with the span. */
static int add_object(struct worker *w, const struct object *o)
{
    const struct object **list;
    size_t room = w->room ? 2 * w->room : 64;

    if (!w->h->findings)
        return 0;
    if (w->n_objects == w->room) {
        list = reallocarray(w->objects, room, sizeof(*list));
        if (!list) {
            log_error("no memory for a list of objects");
            return -ENOMEM;
        }
        w->objects = list;
        w->room = room;
    }
    w->objects[w->n_objects++] = o;
    return 0;
}

static struct object *new_raw(struct worker *w)
{
    struct manifest *m = w->h->m;

    if (!w->raw || w->raw->n == RAW_CHUNK) {
        w->raw = malloc(sizeof(*w->raw));
        if (!w->raw) {
            log_error("no memory for raw objects");
            return NULL;
        }
        w->raw->n = 0;
        pthread_mutex_lock(&w->h->lock);
        w->raw->next = m->chunks;
        m->chunks = w->raw;
        pthread_mutex_unlock(&w->h->lock);
    }
    return &w->raw->objects[w->raw->n++];
}

static int add_raw(struct worker *w, const uint8_t *data, uint64_t start,
                   uint64_t end)
{
    struct object *o = new_raw(w);

    if (!o)
        return -ENOMEM;
    *o = (struct object){ .size = end - start, .file = OBJECT_RAW };
    o->raw = (struct fsparse_extent){ 0, start, end - start };
    o->packed = o->size >= PACKED_MIN && is_packed(data, o->size);
    digest_of(data, end - start, o->hash);
    return add_object(w, o);
}

/* Cuts [start, end) of one span at its zeros. */
static int cut_raw(struct worker *w, uint64_t start, uint64_t end)
{
    uint64_t pos, next, from = 0, to = 0;   /* [from, to): not zero so far */
    const uint8_t *data;
    int rc;

    rc = fetch(w, start, end - start, &data);
    for (pos = start; !rc && pos < end; pos = next) {
        next = (pos | (ZERO_GRAIN - 1)) + 1;
        if (next > end)
            next = end;
        if (data_is_zero(data + (pos - start), next - pos))
            continue;
        if (to && pos - to >= ZERO_RUN) {
            rc = add_raw(w, data + (from - start), from, to);
            to = 0;
        }
        if (!to)
            from = pos;
        to = next;
    }
    if (!rc && to)
        rc = add_raw(w, data + (from - start), from, to);
    return rc ? rc : account(w->h, end - start);
}

static int read_window(struct worker *w, uint64_t start, uint64_t end)
{
    w->window_start = start;
    w->window_end = end;
    return image_read(w->h->m->image, w->window, end - start, start);
}

/* Reads the segment as a whole that the span is the end of: what is not wanted
 * has to be read for its digest in any case. */
static int read_segment(struct worker *w, const struct span *span)
{
    const struct segment_sink *sink = w->h->opt->segments;
    int rc = read_window(w, span->start & -(uint64_t)RAW_OBJECT_MAX,
                         span->end);

    if (!rc)
        segment_sink_put(sink, span->start / RAW_OBJECT_MAX, w->window);
    return rc;
}

/* Reads the span at once if a digest is asked for, or at least a quarter of it
 * is wanted.  Parts of files that begin in it count even if they are not the
 * first.  Aligned, for O_DIRECT; a segment is, so that does not leave it. */
static int load_window(struct worker *w, const struct span *span)
{
    const struct hashing *h = w->h;
    const struct fsparse_map *map = h->m->map;
    uint64_t start, end, useful = 0, from = 0, to = 0;
    size_t i;

    w->window_start = w->window_end = 0;
    if (h->opt->segments)
        return read_segment(w, span);
    for (i = span->region; i < map->n_regions; i++) {
        if (!part_in_span(&map->regions[i], span, &start, &end))
            break;
        if (!spans_wants(h->spans, i, start) &&
            !spans_is_of_later_file(h->spans, i, span->region))
            continue;
        if (!useful)
            from = start;
        to = end;
        useful += end - start;
    }
    if (useful < (to - from) / 4)
        return 0;
    from &= -(uint64_t)BUFFER_ALIGN;
    to = (to + BUFFER_ALIGN - 1) & -(uint64_t)BUFFER_ALIGN;
    if (to > map->image_size)
        to = map->image_size;
    return read_window(w, from, to);
}

static int do_file(struct worker *w, struct object *o)
{
    int rc = hash_file(w, o);

    return rc || o->zero ? rc : add_object(w, o);
}

static int do_span(struct worker *w, const struct span *span)
{
    const struct hashing *h = w->h;
    const struct fsparse_map *map = h->m->map;
    uint64_t start, end;
    size_t i;
    int rc;

    if (span->ahead < span->ahead_end)
        image_will_need(h->m->image, span->ahead,
                        span->ahead_end - span->ahead);
    rc = load_window(w, span);
    for (i = span->region; !rc && i < map->n_regions; i++) {
        if (!part_in_span(&map->regions[i], span, &start, &end))
            break;
        if (!spans_wants(h->spans, i, start))
            continue;
        if (spans_is_raw(h->spans, i))
            rc = cut_raw(w, start, end);
        else
            rc = do_file(w, &h->m->files[map->regions[i].file]);
    }
    return rc;
}

static int do_recent(struct worker *w, const struct span *span)
{
    const struct manifest *m = w->h->m;
    const struct fsparse_extent *e;
    size_t i;
    int rc = 0;

    w->window_start = w->window_end = 0;
    for (i = 0; i < span->n_recent; i++) {
        e = m->map->files[span->recent[i]].extents;
        read_ahead(w, e->physical, e->length);
    }
    for (i = 0; i < span->n_recent && !rc; i++)
        rc = do_file(w, &m->files[span->recent[i]]);
    return rc;
}

/* Hands on what was found in the span. */
static int report(struct worker *w, const struct span *span)
{
    size_t n = w->n_objects;

    w->n_objects = 0;
    return w->h->findings ?
        findings_add(w->h->findings, span->number, w->objects, n) : 0;
}

static void work(void *arg)
{
    struct worker *w = arg;
    struct hashing *h = w->h;
    struct span span;
    int rc;

    while (take_span(h, &span)) {
        rc = span.recent ? do_recent(w, &span) : do_span(w, &span);
        if (!rc)
            rc = report(w, &span);
        if (!rc)
            continue;
        pthread_mutex_lock(&h->lock);
        if (!h->rc)
            h->rc = rc;
        pthread_mutex_unlock(&h->lock);
    }
}

static int worker_init(struct worker *w, struct hashing *h)
{
    void *p;

    w->h = h;
    if (posix_memalign(&p, BUFFER_ALIGN, 2 * BUFFER_SIZE)) {
        log_error("no memory for the buffers of a hashing thread");
        return -ENOMEM;
    }
    w->window = p;
    w->buf = w->window + BUFFER_SIZE;
    return 0;
}

/* Files without extents are nowhere in the regions. */
static int hash_inline_files(struct worker *w)
{
    struct manifest *m = w->h->m;
    size_t i;
    int rc = 0;

    for (i = 0; i < m->n_files && !rc; i++)
        if (!m->files[i].zero &&
            (m->map->files[i].flags & FSPARSE_INLINE))
            rc = hash_file(w, &m->files[i]);
    return rc;
}

static int by_place(const void *a, const void *b)
{
    const struct object *x = *(struct object *const *)a;
    const struct object *y = *(struct object *const *)b;

    return (x->raw.physical > y->raw.physical) -
           (x->raw.physical < y->raw.physical);
}

/* Lists the raw objects by place. */
static int list_raw(struct manifest *m)
{
    struct raw_chunk *c;
    size_t n = 0, i;

    for (c = m->chunks; c; c = c->next)
        n += c->n;
    m->raw = reallocarray(NULL, n + 1, sizeof(*m->raw));
    if (!m->raw) {
        log_error("no memory for a list of %zu objects", n);
        return -ENOMEM;
    }
    for (c = m->chunks; c; c = c->next)
        for (i = 0; i < c->n; i++)
            m->raw[m->n_raw++] = &c->objects[i];
    qsort(m->raw, m->n_raw, sizeof(*m->raw), by_place);
    return 0;
}

static int hashing_init(struct hashing *h)
{
    int rc = spans_new(&h->spans, h->m, h->opt);

    if (rc)
        return rc;
    h->total = spans_bytes(h->spans);
    if (h->opt->found)
        h->findings = findings_new(h->opt->found, h->opt->opaque);
    return h->opt->found && !h->findings ? -ENOMEM : 0;
}

static void hashing_release(struct hashing *h)
{
    findings_free(h->findings);
    spans_free(h->spans);
    pthread_mutex_destroy(&h->lock);
}

int manifest_hash(struct manifest *m, const struct manifest_options *opt)
{
    struct hashing h = { .m = m, .opt = opt };
    unsigned i, n = threads_count(opt->threads, m->image->block);
    struct worker *workers;
    int rc;

    pthread_mutex_init(&h.lock, NULL);
    workers = calloc(n, sizeof(*workers));
    rc = workers ? hashing_init(&h) : -ENOMEM;
    for (i = 0; i < n && !rc; i++)
        rc = worker_init(&workers[i], &h);
    if (!rc)
        rc = hash_inline_files(&workers[0]);
    if (!rc) {
        threads_run(work, workers, sizeof(*workers), n);
        rc = h.rc;
    }
    if (!rc)
        rc = list_raw(m);
    for (i = 0; i < n && workers; i++) {
        free(workers[i].window);
        free(workers[i].objects);
    }
    free(workers);
    hashing_release(&h);
    return rc;
}

int manifest_build(const struct image *img,
                   const struct manifest_options *opt,
                   struct manifest **m_r)
{
    int rc = manifest_parse(img, NULL, m_r);

    if (!rc)
        rc = manifest_hash(*m_r, opt);
    if (rc) {
        manifest_free(*m_r);
        *m_r = NULL;
    }
    return rc;
}
