/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects whose blocks lie scattered in the references (docs/protocol.md,
 * "LIST, BLOCKLIST, HELD"): the target's part.
 *
 * Where no parser tells what belongs together, a sibling's content lies at
 * other places and in other company, and no object is found by its digest.
 * So the source is asked for lists of the blocks of what was not found, the
 * references are read past them (blocksearch.h), and the source is told which blocks
 * are lacking.  What is held is read again when the source's recipe comes
 * (recipe.c).  Whether it is what it should be, or a hash has collided or
 * somebody written meanwhile, at either end, is found out by the check passes,
 * which ask for the blocks that differ.
 *
 * First a sample of the lists is asked for, and held against samples of the
 * images; if nothing is found so, all is wanted at once, and little was lost.
 * All this begins when all else was looked for and asked for.
 *
 * Steps follow one another, in the engine thread (lists) or in the pool
 * (searches); whoever does one owns what is below "steps", and the disk has one
 * pending more as long as there are steps to come.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/bytes.h"
#include "plugin/base/log.h"
#include "plugin/target/blocksearch.h"
#include "plugin/target/disk.h"

#define SMALLEST (16u << 10)        /* bytes of an object */
#define LEAST 1024u                 /* blocks in all: less is just wanted */
#define SAMPLE_MIN 16u              /* objects */
#define SAMPLE_SHARE 16u            /* one of so many */
#define HITS_MIN 2u                 /* one block that is everywhere, such as
                                       0xff, is no sign */
#define FOUND_SHARE 16u             /* an object is made of blocks if of so
                                       many one was found */
#define ASKED_MAX 2u                /* LISTs not answered: the source does
                                       nothing else meanwhile */
#define LACK_FRAME (32u << 10)      /* bytes, about */

struct stray {
    uint64_t number;
    uint32_t size;
    uint32_t head;                  /* bytes before the first block */
    uint32_t n_blocks;
    bool lacked;                    /* HELD was sent; covered by the disk's
                                       lock, as the next */
    bool taken;                     /* and its recipe has begun */
    uint8_t *hashes;                /* of the blocks, or NULL */
};

struct scatter {
    uint8_t key[PROTO_KEY];

    /* Covered by the disk's lock while objects are handed over, then they
     * stand still. */
    struct stray *strays;           /* by number from the first step on */
    size_t n, room;
    size_t reserved;                /* blocks */

    /* Steps. */
    uint32_t *order;                /* strays, as they are asked for */
    size_t n_sample;                /* that come first */
    struct blocktable *table;
    struct blocksearch *search;

    /* Covered by the disk's lock. */
    size_t asked, answered;         /* of order */
    size_t round_end;               /* up to where is asked */
    size_t counts[ASKED_MAX];       /* of the LISTs that are not answered */
    unsigned n_counts;
};

/* Handing over */

static bool reserve(atomic_size_t *left, size_t blocks)
{
    size_t now = atomic_load(left);

    while (now >= blocks)
        if (atomic_compare_exchange_weak(left, &now, now - blocks))
            return true;
    return false;
}

/* With the lock held. */
static int add_stray(struct target_disk *d, const struct wire_object *o,
                     uint64_t number)
{
    struct scatter *s = d->scatter;
    size_t room;
    void *list;

    if (!s) {
        s = calloc(1, sizeof(*s));
        if (!s)
            return -ENOMEM;
        randombytes_buf(s->key, sizeof(s->key));
        d->scatter = s;
        d->pending++;               /* for the steps */
    }
    if (s->n == s->room) {
        room = s->room ? 2 * s->room : 256;
        list = reallocarray(s->strays, room, sizeof(*s->strays));
        if (!list)
            return -ENOMEM;
        s->strays = list;
        s->room = room;
    }
    s->strays[s->n++] = (struct stray){ .number = number, .size = o->size };
    s->reserved += o->size / PROTO_BLOCK;
    return 0;
}

bool scatter_ask(struct target_disk *d, const struct wire_object *o,
                 uint64_t number)
{
    size_t blocks = o->size / PROTO_BLOCK;
    int rc;

    if (o->kind != KIND_UNPARSED || o->size < SMALLEST ||
        references_count(d->references) == 0 ||
        !reserve(d->blocks_left, blocks))
        return false;
    pthread_mutex_lock(&d->lock);
    rc = add_stray(d, o, number);
    pthread_mutex_unlock(&d->lock);
    if (rc)
        atomic_fetch_add(d->blocks_left, blocks);
    else
        references_arrived(d->references, o->size);     /* if ever, later */
    return !rc;
}

/* The end of the steps.  Afterwards others may free all this. */

/* Wants what no HELD was sent for. */
static void want_rest(struct target_disk *d, int rc)
{
    struct scatter *s = d->scatter;
    size_t i, n = 0;

    for (i = 0; i < s->n; i++) {
        if (s->strays[i].lacked)
            continue;
        if (!rc && !d->error)
            rc = rebuild_want(d, s->strays[i].number);
        n++;
    }
    if (!rc)
        rc = rebuild_flush_wants(d);
    for (i = 0; i < n; i++)
        rebuild_finish(d, rc);
    rebuild_finish(d, rc);
}

static void free_search(struct scatter *s)
{
    blocksearch_free(s->search);
    s->search = NULL;
}

static void give_up(struct target_disk *d, int rc)
{
    struct scatter *s = d->scatter;

    free_search(s);
    blocktable_free(s->table);
    s->table = NULL;
    want_rest(d, rc);
}

/* Asking for lists */

static int send_list(struct target_disk *d, size_t first, size_t count)
{
    const struct scatter *s = d->scatter;
    struct buf b = BUF_INIT;
    uint64_t previous = 0, number;
    size_t i;
    int rc;

    buf_put(&b, s->key, PROTO_KEY);
    buf_put_u32(&b, count);
    for (i = first; i < first + count; i++) {
        number = s->strays[s->order[i]].number;
        buf_put_zigzag(&b, (int64_t)(number - previous));
        previous = number;
    }
    rc = wire_send_buf(d->wire, FRAME_LIST, d->number, &b);
    buf_release(&b);
    return rc;
}

/* With the lock held. */
static int ask_more(struct target_disk *d)
{
    struct scatter *s = d->scatter;
    size_t n;
    int rc = 0;

    while (!rc && s->n_counts < ASKED_MAX && s->asked < s->round_end) {
        n = s->round_end - s->asked;
        if (n > PROTO_LIST_OBJECTS)
            n = PROTO_LIST_OBJECTS;
        s->counts[s->n_counts++] = n;
        s->asked += n;
        rc = send_list(d, s->asked - n, n);
    }
    return rc;
}

/* Asks for the lists up to there.  The answer goes on. */
static int begin_round(struct target_disk *d, size_t end)
{
    int rc;

    pthread_mutex_lock(&d->lock);
    d->scatter->round_end = end;
    rc = ask_more(d);
    pthread_mutex_unlock(&d->lock);
    return rc;
}

static int compare_strays(const void *a, const void *b)
{
    const struct stray *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

/* The sample is of every part of the disk. */
static int make_order(struct scatter *s)
{
    size_t step = SAMPLE_SHARE, i, n = 0;

    s->order = calloc(s->n, sizeof(*s->order));
    if (!s->order)
        return -ENOMEM;
    qsort(s->strays, s->n, sizeof(*s->strays), compare_strays);
    if (s->n / step < SAMPLE_MIN)
        step = s->n / SAMPLE_MIN;
    if (step < 2)
        step = 1;
    for (i = 0; i < s->n; i += step)
        s->order[n++] = i;
    s->n_sample = n;
    for (i = 0; i < s->n; i++)
        if (i % step)
            s->order[n++] = i;
    return 0;
}

static int first_step(void *opaque, uint64_t number)
{
    struct target_disk *d = opaque;
    struct scatter *s = d->scatter;
    bool worth_it = s->reserved >= LEAST;
    int rc = d->error;

    (void)number;
    if (!rc && worth_it)
        rc = make_order(s);
    if (!rc && worth_it)
        rc = begin_round(d, s->n_sample);
    if (rc || !worth_it)
        give_up(d, rc);
    return 0;
}

int scatter_begin(struct target_disk *d)
{
    static const char no_memory[] = "out of memory";
    int rc = d->scatter ? threadpool_add(d->pool, first_step, d, 0, 1) : 0;

    /* Otherwise both sides would wait for each other. */
    return rc ? wire_send(d->wire, FRAME_FAIL, d->number, no_memory,
                          strlen(no_memory)) : 0;
}

/* Lists */

static uint64_t hash_of(const struct stray *s, size_t block)
{
    return get_le(s->hashes + block * PROTO_LIST_HASH, PROTO_LIST_HASH);
}

static int take_list(struct stray *s, struct cursor *c)
{
    uint64_t head = cursor_varint(c);
    const uint8_t *hashes;
    size_t n;

    if (c->bad || head >= PROTO_BLOCK)
        return -EPROTO;
    n = head < s->size ? (s->size - head) / PROTO_BLOCK : 0;
    hashes = cursor_get(c, n * PROTO_LIST_HASH);
    if (!hashes)
        return -EPROTO;
    s->hashes = malloc(n * PROTO_LIST_HASH + 1);
    if (!s->hashes)
        return -ENOMEM;
    memcpy(s->hashes, hashes, n * PROTO_LIST_HASH);
    s->head = head;
    s->n_blocks = n;
    return 0;
}

static bool is_stopped(void *opaque)
{
    const struct target_disk *d = opaque;

    return d->error != 0;
}

static void probed(void *opaque);

static int begin_probe(struct target_disk *d)
{
    struct scatter *s = d->scatter;
    struct blocksearch_options opt = {
        .pool = d->pool,
        .references = d->references,
        .key = s->key,
        .stopped = is_stopped,
        .opaque = d,
    };
    size_t i, k;
    uint64_t hash;
    int rc;

    rc = blocktable_new(&s->table, s->answered * PROTO_LIST_BLOCKS <
                        s->reserved ? s->answered * PROTO_LIST_BLOCKS :
                        s->reserved);
    if (rc)
        return rc;
    for (i = 0; i < s->n; i++)
        for (k = 0; s->strays[i].hashes && k < s->strays[i].n_blocks; k++) {
            hash = hash_of(&s->strays[i], k);
            if (hash)
                blocktable_add(s->table, hash);
        }
    opt.table = s->table;
    rc = blocksearch_new(&s->search, &opt);
    return rc ? rc : blocksearch_probe(s->search, probed);
}

/* Takes the answer to the first LIST that is open. */
static int take_lists(struct target_disk *d, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    struct scatter *s = d->scatter;
    size_t i, first, count = 0;
    int rc = 0;

    pthread_mutex_lock(&d->lock);
    first = s->answered;
    if (s->n_counts > 0) {
        count = s->counts[0];
        s->counts[0] = s->counts[1];
        s->n_counts--;
        s->answered += count;
    }
    pthread_mutex_unlock(&d->lock);
    if (count == 0 || cursor_u32(&c) != count)
        return -EPROTO;
    for (i = first; i < first + count && !rc; i++)
        rc = take_list(&s->strays[s->order[i]], &c);
    return rc ? rc : cursor_left(&c) > 0 ? -EPROTO : 0;
}

int scatter_blocklist(struct target_disk *d, const struct frame *f)
{
    bool complete = false;
    struct scatter *s;
    int rc;

    pthread_mutex_lock(&d->lock);
    s = d->scatter;
    pthread_mutex_unlock(&d->lock);
    rc = s ? take_lists(d, f) : -EPROTO;
    if (rc)
        return rc;
    pthread_mutex_lock(&d->lock);
    rc = ask_more(d);
    complete = s->n_counts == 0;
    pthread_mutex_unlock(&d->lock);
    if (!rc && complete && begin_probe(d))
        give_up(d, 0);
    return rc;
}

/* What was found */

/* 1: block k of it is held, being found or zero. */
static bool is_held(const struct scatter *s, const struct stray *stray,
                    size_t k)
{
    uint64_t hash = hash_of(stray, k), offset;
    size_t image;

    return !hash || blocktable_get(s->table, hash, &image, &offset);
}

/* Of blocks that are not zero. */
static size_t count_found(const struct scatter *s, const struct stray *stray,
                          size_t *all_r)
{
    size_t k, n = 0;

    *all_r = 0;
    for (k = 0; k < stray->n_blocks; k++) {
        if (!hash_of(stray, k))
            continue;
        ++*all_r;
        n += is_held(s, stray, k);
    }
    return n;
}

/* Runs of blocks that are held, and that are lacking, by turns. */
static void put_lack(const struct scatter *s, const struct stray *stray,
                     uint64_t previous, struct buf *b)
{
    bool held = true;
    size_t k, from;

    buf_put_zigzag(b, (int64_t)(stray->number - previous));
    for (k = 0; k < stray->n_blocks; held = !held) {
        for (from = k; k < stray->n_blocks && is_held(s, stray, k) == held;
             k++)
            ;
        buf_put_varint(b, k - from);
    }
}

/* Objects first to last of a frame in the making. */
static int send_lacks(struct target_disk *d, size_t first, size_t end,
                      const bool *chosen, struct buf *b)
{
    size_t i;
    int rc;

    if (b->length == 0)
        return 0;
    pthread_mutex_lock(&d->lock);
    for (i = first; i < end; i++)
        d->scatter->strays[i].lacked = chosen[i];
    pthread_mutex_unlock(&d->lock);
    rc = wire_send_buf(d->wire, FRAME_HELD, d->number, b);
    buf_reset(b);
    return rc;
}

static int tell_lacks(struct target_disk *d, const bool *chosen)
{
    const struct scatter *s = d->scatter;
    struct buf b = BUF_INIT;
    uint64_t previous = 0;
    size_t i, first = 0;
    int rc = 0;

    for (i = 0; i < s->n && !rc; i++) {
        if (!chosen[i])
            continue;
        put_lack(s, &s->strays[i], previous, &b);
        previous = s->strays[i].number;
        if (b.length < LACK_FRAME)
            continue;
        rc = send_lacks(d, first, i + 1, chosen, &b);
        first = i + 1;
        previous = 0;
    }
    if (!rc)
        rc = send_lacks(d, first, s->n, chosen, &b);
    buf_release(&b);
    return rc;
}

/* The last step. */
static void swept(void *opaque)
{
    struct target_disk *d = opaque;
    struct scatter *s = d->scatter;
    bool *chosen = calloc(s->n, sizeof(*chosen));
    size_t i, all, n, found = 0, looked_for = 0;
    int rc = chosen ? versions_prepare(d) : -ENOMEM;

    for (i = 0; i < s->n && !rc; i++) {
        n = count_found(s, &s->strays[i], &all);
        chosen[i] = n > 0 && n >= all / FOUND_SHARE;
        looked_for += all;
        found += n;
    }
    log_info("disk %s: of %.1f MB that no parser understands %.1f MB were "
             "found in blocks, in %.1f MB of the references", d->vdev,
             looked_for * PROTO_BLOCK / 1e6, found * PROTO_BLOCK / 1e6,
             blocksearch_bytes(s->search) / 1e6);
    free_search(s);
    if (!rc && !d->error)
        rc = tell_lacks(d, chosen);
    free(chosen);
    want_rest(d, rc == -ENOMEM ? 0 : rc);
}

/* The pieces were looked at. */
static void probed(void *opaque)
{
    struct target_disk *d = opaque;
    struct scatter *s = d->scatter;
    size_t hits = blocksearch_hits(s->search);
    int rc = 0;

    log_debug("disk %s: %zu blocks found in samples, of %zu that are looked "
              "for", d->vdev, hits, blocktable_missing(s->table));
    if (d->error || hits < HITS_MIN) {
        give_up(d, 0);
        return;
    }
    if (s->answered == s->n) {
        if (blocksearch_run(s->search, swept))
            give_up(d, 0);
        return;
    }
    free_search(s);
    blocktable_free(s->table);
    s->table = NULL;
    rc = begin_round(d, s->n);
    if (rc)
        give_up(d, rc);
}

/* Recipes */

const struct stray *scatter_take(struct target_disk *d, uint64_t number)
{
    struct stray key = { .number = number }, *s = NULL;

    pthread_mutex_lock(&d->lock);
    if (d->scatter && d->scatter->order)
        s = bsearch(&key, d->scatter->strays, d->scatter->n, sizeof(*s),
                    compare_strays);
    if (s && s->lacked && !s->taken)
        s->taken = true;
    else
        s = NULL;
    pthread_mutex_unlock(&d->lock);
    return s;
}

/* What is read in one go: blocks that lie one behind the other. */
struct stretch {
    size_t image;                   /* SIZE_MAX: zeros */
    uint64_t offset;
    size_t length;
};

static void read_stretch(struct target_disk *d, const struct stretch *x,
                         uint8_t *data)
{
    const struct image *img = NULL;

    if (x->image != SIZE_MAX && x->length > 0)
        img = references_image(d->references, x->image);
    if (!img || image_read(img, data, x->length, x->offset))
        memset(data, 0, x->length);
}

/* Where the content from offset up to the end of its block is held. */
static int find_block(const struct scatter *s, const struct stray *stray,
                      uint64_t offset, size_t most, struct stretch *x)
{
    uint64_t at = offset - stray->head, hash;
    size_t k = at / PROTO_BLOCK;

    if (offset < stray->head || k >= stray->n_blocks)
        return -EPROTO;
    at %= PROTO_BLOCK;
    x->length = PROTO_BLOCK - at < most ? PROTO_BLOCK - at : most;
    x->image = SIZE_MAX;
    x->offset = 0;
    hash = hash_of(stray, k);
    if (!hash)
        return 0;
    if (!blocktable_get(s->table, hash, &x->image, &x->offset))
        return -EPROTO;
    x->offset += at;
    return 0;
}

int scatter_read(struct target_disk *d, const struct stray *stray, void *data,
                 size_t length, uint64_t offset)
{
    struct stretch run = { .image = SIZE_MAX }, x;
    uint8_t *p = data;
    int rc = 0;

    while (length > 0) {
        rc = find_block(d->scatter, stray, offset, length, &x);
        if (rc)
            return rc;
        offset += x.length;
        length -= x.length;
        if (x.image == run.image && (x.image == SIZE_MAX ||
                                     x.offset == run.offset + run.length)) {
            run.length += x.length;
            continue;
        }
        read_stretch(d, &run, p);
        p += run.length;
        run = x;
    }
    read_stretch(d, &run, p);
    return 0;
}

void scatter_release(struct target_disk *d)
{
    struct scatter *s = d->scatter;
    size_t i;

    if (!s)
        return;
    blocksearch_free(s->search);
    blocktable_free(s->table);
    for (i = 0; i < s->n; i++)
        free(s->strays[i].hashes);
    free(s->strays);
    free(s->order);
    atomic_fetch_add(d->blocks_left, s->reserved);
    free(s);
    d->scatter = NULL;
}
