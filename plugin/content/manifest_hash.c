/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hashing of a manifest's objects by several threads.
 *
 * A cursor goes over the map's regions in ascending order and hands out
 * segments: pieces of the image between two multiples of RAW_OBJECT_MAX.  The
 * thread that has a segment cuts the residual bytes in it into raw objects,
 * and hashes those files completely whose first region (by place) lies in it.
 * So the image is read about in order, whatever the order of the files, and
 * nothing has to be sorted.  Holes and the rest of big files are stepped over
 * by the cursor in one go.
 *
 * If files that changed last are to come first, these are handed out before the
 * first segment, some at a time, and the cursor passes over them.
 *
 * A file's bytes are hashed in their order, so one file keeps one thread
 * busy; its further extents are fetched wherever they lie.
 *
 * Each thread owns a window (the segment, read at once if most of it is
 * wanted: small files and slack would otherwise cost a system call or, with
 * O_DIRECT, a seek each) and a buffer for everything else.
 *
 * Who needs digests of the image's segments as well (opt->segments) gets those
 * for which nothing has to be read twice: that of a window, and those in the
 * middle of a long extent.
 *
 * Who waits for objects (opt->found) gets them segment by segment, in order,
 * so that two manifests of nearly the same image are told in nearly the same
 * way.  A segment in which a big file begins takes long; when many others wait
 * for it, they go first.
 *
 * struct pool's lock covers its cursor, the progress and rc, and is a leaf
 * apart from what the progress callback takes.  findings_lock covers what is
 * found, and is held in calls of found(); the former may be taken within.
 * After the first failure no segment is handed out any more.
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
#include "plugin/content/manifest_hash.h"
#include "plugin/content/recent_files.h"
#include "plugin/content/segment_run.h"
#include "plugin/proto.h"

#define BUFFER_SIZE RAW_OBJECT_MAX
#define PIECE (256u << 10)      /* of a file; stays in a processor's cache */
#define BUFFER_ALIGN 4096u
#define AHEAD (2u << 20)        /* bytes the kernel may read ahead of us */
#define CHUNK 64                /* raw objects */
#define PACKED_MIN (32u << 10)  /* content that is shorter does not matter */
#define PACKED_SAMPLE (2u << 10)
#define PATIENCE 64             /* segments that wait for one */

_Static_assert(RAW_OBJECT_MAX == PROTO_SEGMENT, "both are cut alike");

/* Files that come first, and bytes of them: what a line of 100 Mbit/s takes a
 * second or two for if all of it has to be sent.  A slow disk has to seek for
 * each. */
#define RECENT_FILES 1024
#define RECENT_BYTES (32u << 20)
#define RECENT_AT_ONCE 16

/* Raw objects stay where they were made; chunks of a manifest are a list. */
struct raw_objects {
    struct raw_objects *next;
    size_t n;
    struct object objects[CHUNK];
};

/* What was found in a segment. */
struct finding {
    struct finding *next;       /* of a later segment */
    uint64_t segment;
    size_t n;
    const struct object *objects[];
};

struct pool {
    struct manifest *m;
    const struct manifest_options *opt;
    size_t *first;              /* per file: the first of its regions; or
                                   RECENT */
    uint32_t *recent;           /* files that come first */
    size_t n_recent, next_recent;
    pthread_mutex_t lock;
    size_t next;                /* region of the cursor; n_regions: at end */
    uint64_t offset;            /* of the cursor, in that region */
    uint64_t asked;             /* to here the kernel was asked to read ahead */
    uint64_t segments;          /* handed out */
    uint64_t done, total;
    int rc;
    pthread_mutex_t findings_lock;
    struct finding *findings;   /* that wait for their turn */
    size_t n_findings;
    uint64_t turn;              /* of this segment */
};

#define RECENT (SIZE_MAX - 1)

struct segment {
    uint64_t number;            /* in the order of handing out */
    const uint32_t *recent;     /* these files instead, or NULL */
    size_t n_recent;
    size_t region;              /* the one that start lies in */
    uint64_t start, end;
    uint64_t ahead, ahead_end;  /* to be read ahead meanwhile, or nothing */
};

struct worker {
    struct pool *pool;
    uint8_t *window;
    uint64_t window_start, window_end;
    uint8_t *buf;
    struct segment_run run;     /* of the extent that is read */
    struct raw_objects *raw;    /* where the next one goes, if there is room */
    const struct object **found;    /* in this segment */
    size_t n_found, room;
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

static uint64_t region_end(const struct fsparse_region *r)
{
    return r->offset + r->length;
}

static bool is_raw(const struct pool *pool, const struct fsparse_region *r)
{
    return r->kind == FSPARSE_RESIDUAL ||
           (r->kind == FSPARSE_FILE && pool->m->files[r->file].unusable);
}

/* Whether there is something to do for region i at offset. */
static bool wanted(const struct pool *pool, size_t i, uint64_t offset)
{
    const struct fsparse_region *r = &pool->m->map->regions[i];

    if (is_raw(pool, r))
        return !pool->opt->files_only;
    return r->kind == FSPARSE_FILE && pool->first[r->file] == i &&
           r->offset == offset;
}

/* Moves the cursor to the next place at or behind offset that is wanted. */
static void cursor_move(struct pool *pool, uint64_t offset)
{
    const struct fsparse_map *map = pool->m->map;

    for (; pool->next < map->n_regions; pool->next++) {
        const struct fsparse_region *r = &map->regions[pool->next];

        if (region_end(r) <= offset)
            continue;
        pool->offset = r->offset > offset ? r->offset : offset;
        if (wanted(pool, pool->next, pool->offset))
            break;
    }
}

/* Files that come first, if there are still some. */
static bool take_recent(struct pool *pool, struct segment *seg)
{
    size_t left = pool->n_recent - pool->next_recent;

    if (left == 0)
        return false;
    seg->recent = pool->recent + pool->next_recent;
    seg->n_recent = left < RECENT_AT_ONCE ? left : RECENT_AT_ONCE;
    pool->next_recent += seg->n_recent;
    return true;
}

static bool take_next(struct pool *pool, struct segment *seg)
{
    const struct fsparse_map *map = pool->m->map;

    if (pool->next == map->n_regions)
        return false;
    seg->region = pool->next;
    seg->start = pool->offset;
    seg->end = (seg->start | (RAW_OBJECT_MAX - 1)) + 1;
    if (seg->end > map->image_size)
        seg->end = map->image_size;
    cursor_move(pool, seg->end);
    seg->ahead = pool->offset > pool->asked ? pool->offset : pool->asked;
    seg->ahead_end = pool->offset + AHEAD;
    pool->asked = seg->ahead_end;
    return true;
}

static bool take_segment(struct pool *pool, struct segment *seg)
{
    bool taken;

    *seg = (struct segment){ 0 };
    pthread_mutex_lock(&pool->lock);
    taken = !pool->rc && (take_recent(pool, seg) || take_next(pool, seg));
    if (taken)
        seg->number = pool->segments++;
    pthread_mutex_unlock(&pool->lock);
    return taken;
}

/* Counts n bytes as read.  Returns what has failed elsewhere. */
static int account(struct pool *pool, uint64_t n)
{
    int rc;

    pthread_mutex_lock(&pool->lock);
    pool->done += n;
    if (!pool->rc && pool->opt->stop && atomic_load(pool->opt->stop))
        pool->rc = -ECANCELED;
    rc = pool->rc;
    if (!rc && pool->opt->progress)
        pool->opt->progress(pool->opt->opaque, pool->done, pool->total);
    pthread_mutex_unlock(&pool->lock);
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
    return image_read(w->pool->m->image, w->buf, length, offset);
}

/* What was read with the window has its digest as a segment from there. */
static void begin_run(struct worker *w, uint64_t start, uint64_t end)
{
    if (start >= w->window_start && start < w->window_end)
        start = w->window_end;
    segment_run_begin(&w->run, w->pool->opt->segments, start, end);
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
        if (end - pos > PIECE && (pos - e->physical) % AHEAD == 0)
            image_will_need(w->pool->m->image, pos + n,
                            end - pos - n < AHEAD ? end - pos - n : AHEAD);
        rc = fetch(w, pos, n, &data);
        if (rc)
            return rc;
        if (pos == e->physical && e->logical == 0 && n >= PACKED_MIN)
            o->packed = is_packed(data, n);
        content_digest_data(c, data, n);
        segment_run_put(&w->run, data, n, pos);
        rc = account(w->pool, n);
        if (rc)
            return rc;
    }
    return 0;
}

static int hash_file(struct worker *w, struct object *o)
{
    const struct fsparse_file *f = &w->pool->m->map->files[o->file];
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

static int add_found(struct worker *w, const struct object *o)
{
    const struct object **list;
    size_t room = w->room ? 2 * w->room : 64;

    if (!w->pool->opt->found)
        return 0;
    if (w->n_found == w->room) {
        list = reallocarray(w->found, room, sizeof(*list));
        if (!list) {
            log_error("no memory for a list of objects");
            return -ENOMEM;
        }
        w->found = list;
        w->room = room;
    }
    w->found[w->n_found++] = o;
    return 0;
}

static struct object *new_raw(struct worker *w)
{
    struct manifest *m = w->pool->m;

    if (!w->raw || w->raw->n == CHUNK) {
        w->raw = malloc(sizeof(*w->raw));
        if (!w->raw) {
            log_error("no memory for raw objects");
            return NULL;
        }
        w->raw->n = 0;
        pthread_mutex_lock(&w->pool->lock);
        w->raw->next = m->pool;
        m->pool = w->raw;
        pthread_mutex_unlock(&w->pool->lock);
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
    return add_found(w, o);
}

/* Cuts [start, end) of one segment at its zeros. */
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
    return rc ? rc : account(w->pool, end - start);
}

static int read_window(struct worker *w, uint64_t start, uint64_t end)
{
    w->window_start = start;
    w->window_end = end;
    return image_read(w->pool->m->image, w->window, end - start, start);
}

/* All of the segment: what of it is not wanted, as well, as it would have to be
 * read for the digest in any case. */
static int read_segment(struct worker *w, const struct segment *seg)
{
    const struct segment_sink *sink = w->pool->opt->segments;
    int rc = read_window(w, seg->start & -(uint64_t)RAW_OBJECT_MAX, seg->end);

    if (!rc)
        segment_sink_put(sink, seg->start / RAW_OBJECT_MAX, w->window);
    return rc;
}

/* Reads the segment at once if its digest is asked for, or at least a quarter of
 * it is wanted.  Parts of files that start in it count even if they are not the
 * first.  Aligned, for O_DIRECT; a segment is, so that does not leave it. */
static int load_window(struct worker *w, const struct segment *seg)
{
    const struct pool *pool = w->pool;
    const struct fsparse_map *map = pool->m->map;
    uint64_t start, end, useful = 0, from = 0, to = 0;
    size_t i;

    w->window_start = w->window_end = 0;
    if (pool->opt->segments)
        return read_segment(w, seg);
    for (i = seg->region; i < map->n_regions; i++) {
        const struct fsparse_region *r = &map->regions[i];

        start = r->offset > seg->start ? r->offset : seg->start;
        if (start >= seg->end)
            break;
        if (!wanted(pool, i, start) &&
            !(r->kind == FSPARSE_FILE &&
              pool->first[r->file] >= seg->region &&
              pool->first[r->file] != RECENT))
            continue;
        end = region_end(r) < seg->end ? region_end(r) : seg->end;
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

    return rc || o->zero ? rc : add_found(w, o);
}

static int do_segment(struct worker *w, const struct segment *seg)
{
    const struct pool *pool = w->pool;
    const struct fsparse_map *map = pool->m->map;
    uint64_t start, end;
    size_t i;
    int rc;

    if (seg->ahead < seg->ahead_end)
        image_will_need(pool->m->image, seg->ahead,
                        seg->ahead_end - seg->ahead);
    rc = load_window(w, seg);
    for (i = seg->region; !rc && i < map->n_regions; i++) {
        const struct fsparse_region *r = &map->regions[i];

        start = r->offset > seg->start ? r->offset : seg->start;
        if (start >= seg->end)
            break;
        if (!wanted(pool, i, start))
            continue;
        end = region_end(r) < seg->end ? region_end(r) : seg->end;
        if (is_raw(pool, r))
            rc = cut_raw(w, start, end);
        else
            rc = do_file(w, &pool->m->files[r->file]);
    }
    return rc;
}

static int do_recent(struct worker *w, const struct segment *seg)
{
    const struct manifest *m = w->pool->m;
    const struct fsparse_extent *e;
    size_t i;
    int rc = 0;

    w->window_start = w->window_end = 0;
    for (i = 0; i < seg->n_recent; i++) {
        e = m->map->files[seg->recent[i]].extents;
        image_will_need(m->image, e->physical,
                        e->length < AHEAD ? e->length : AHEAD);
    }
    for (i = 0; i < seg->n_recent && !rc; i++)
        rc = do_file(w, &m->files[seg->recent[i]]);
    return rc;
}

static void enqueue(struct pool *pool, struct finding *f)
{
    struct finding **p;

    for (p = &pool->findings; *p && (*p)->segment < f->segment;
         p = &(*p)->next)
        ;
    f->next = *p;
    *p = f;
    pool->n_findings++;
}

/* Hands on what has its turn, or has waited long enough. */
static int hand_on(struct pool *pool)
{
    struct finding *f;
    int rc = 0;

    while (!rc && (f = pool->findings) &&
           (f->segment <= pool->turn || pool->n_findings > PATIENCE)) {
        pool->findings = f->next;
        pool->n_findings--;
        if (f->segment >= pool->turn)
            pool->turn = f->segment + 1;
        if (f->n > 0)
            rc = pool->opt->found(pool->opt->opaque, f->objects, f->n);
        free(f);
    }
    return rc;
}

/* What was found in the segment waits for its turn. */
static int found(struct worker *w, const struct segment *seg)
{
    struct pool *pool = w->pool;
    struct finding *f;
    int rc;

    if (!pool->opt->found)
        return 0;
    f = malloc(sizeof(*f) + w->n_found * sizeof(*f->objects));
    if (!f) {
        log_error("no memory for a list of objects");
        return -ENOMEM;
    }
    f->segment = seg->number;
    f->n = w->n_found;
    if (f->n > 0)
        memcpy(f->objects, w->found, f->n * sizeof(*f->objects));
    w->n_found = 0;
    pthread_mutex_lock(&pool->findings_lock);
    enqueue(pool, f);
    rc = hand_on(pool);
    pthread_mutex_unlock(&pool->findings_lock);
    return rc;
}

static void work(void *arg)
{
    struct worker *w = arg;
    struct pool *pool = w->pool;
    struct segment seg;
    int rc;

    while (take_segment(pool, &seg)) {
        rc = seg.recent ? do_recent(w, &seg) : do_segment(w, &seg);
        if (!rc)
            rc = found(w, &seg);
        if (!rc)
            continue;
        pthread_mutex_lock(&pool->lock);
        if (!pool->rc)
            pool->rc = rc;
        pthread_mutex_unlock(&pool->lock);
    }
}

static int worker_init(struct worker *w, struct pool *pool)
{
    void *p;

    w->pool = pool;
    if (posix_memalign(&p, BUFFER_ALIGN, 2 * BUFFER_SIZE)) {
        log_error("no memory for the buffers of a hashing thread");
        return -ENOMEM;
    }
    w->window = p;
    w->buf = w->window + BUFFER_SIZE;
    return 0;
}

/* Finds every file's first region and counts what is to be read. */
static int pool_init(struct pool *pool)
{
    const struct fsparse_map *map = pool->m->map;
    size_t i;

    pool->first = reallocarray(NULL, map->n_files + 1, sizeof(*pool->first));
    if (!pool->first) {
        log_error("no memory for a list of %zu files", map->n_files);
        return -ENOMEM;
    }
    for (i = 0; i < map->n_files; i++)
        pool->first[i] = SIZE_MAX;
    for (i = 0; i < map->n_regions; i++) {
        const struct fsparse_region *r = &map->regions[i];

        if (is_raw(pool, r) ? !pool->opt->files_only :
            r->kind == FSPARSE_FILE)
            pool->total += r->length;
        if (r->kind == FSPARSE_FILE && pool->first[r->file] == SIZE_MAX)
            pool->first[r->file] = i;
    }
    return 0;
}

static int find_recent(struct pool *pool)
{
    size_t i;
    int rc = recent_files(pool->m, RECENT_FILES, RECENT_BYTES, &pool->recent,
                          &pool->n_recent);

    for (i = 0; i < pool->n_recent; i++)
        pool->first[pool->recent[i]] = RECENT;
    return rc;
}

/* Files without extents are nowhere in the regions. */
static int hash_inline_files(struct worker *w)
{
    struct manifest *m = w->pool->m;
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
    struct raw_objects *c;
    size_t n = 0, i;

    for (c = m->pool; c; c = c->next)
        n += c->n;
    m->raw = reallocarray(NULL, n + 1, sizeof(*m->raw));
    if (!m->raw) {
        log_error("no memory for a list of %zu objects", n);
        return -ENOMEM;
    }
    for (c = m->pool; c; c = c->next)
        for (i = 0; i < c->n; i++)
            m->raw[m->n_raw++] = &c->objects[i];
    qsort(m->raw, m->n_raw, sizeof(*m->raw), by_place);
    return 0;
}

/* After a failure some have not had their turn. */
static void drop_findings(struct pool *pool)
{
    struct finding *f;

    while ((f = pool->findings)) {
        pool->findings = f->next;
        free(f);
    }
}

int hashpool_run(struct manifest *m, const struct manifest_options *opt)
{
    struct pool pool = { .m = m, .opt = opt };
    unsigned i, n = threads_count(opt->threads, m->image->block);
    struct worker *workers;
    int rc;

    pthread_mutex_init(&pool.lock, NULL);
    pthread_mutex_init(&pool.findings_lock, NULL);
    workers = calloc(n, sizeof(*workers));
    rc = workers ? pool_init(&pool) : -ENOMEM;
    if (!rc && opt->recent_first)
        rc = find_recent(&pool);
    if (!rc)
        cursor_move(&pool, 0);
    for (i = 0; i < n && !rc; i++)
        rc = worker_init(&workers[i], &pool);
    if (!rc)
        rc = hash_inline_files(&workers[0]);
    if (!rc) {
        threads_run(work, workers, sizeof(*workers), n);
        rc = pool.rc;
    }
    if (!rc)
        rc = list_raw(m);
    for (i = 0; i < n && workers; i++) {
        free(workers[i].window);
        free(workers[i].found);
    }
    drop_findings(&pool);
    free(workers);
    free(pool.first);
    free(pool.recent);
    pthread_mutex_destroy(&pool.findings_lock);
    pthread_mutex_destroy(&pool.lock);
    return rc;
}

void hashpool_free(struct manifest *m)
{
    struct raw_objects *c;

    while ((c = m->pool)) {
        m->pool = c->next;
        free(c);
    }
    free(m->raw);
}
