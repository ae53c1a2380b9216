/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects whose blocks lie anywhere in the references; see blocklist.h.
 *
 * Where no parser tells what belongs together, a sibling's content lies at
 * other places and in other company, and no object is found by its digest.
 * So the source is asked for lists of the blocks of what was not found, the
 * references are searched for these (blocksearch.h), and the source is told
 * which blocks are held.  These are read again when the source's recipe comes
 * (recipe.c).  Whether they are what they should be, or a hash has collided or
 * somebody written meanwhile, at either end, is found out by the check passes,
 * which ask for the blocks that differ.
 *
 * First a sample of the lists is asked for, and the images are probed for it;
 * if nothing is found so, all is wanted at once, and little was lost.  All this
 * begins when all else was looked for and asked for.
 *
 * Steps follow one another, in the order of enum step and of this file, in the
 * engine thread (lists) or in the pool (searches).  Whoever does a step owns
 * what is under "Steps", and the steps count as one that is helped (want.h) as
 * long as there are some to come.
 */
#include "config.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/allowance.h"
#include "plugin/base/log.h"
#include "plugin/target/blocklist.h"
#include "plugin/target/blocksearch.h"
#include "plugin/target/listed_blocks.h"
#include "plugin/target/want.h"

#define SMALLEST (16u << 10)        /* bytes of an object */
#define LEAST 1024u                 /* blocks in all: less is just wanted */
#define SAMPLE_MIN 16u              /* objects */
#define SAMPLE_SHARE 16u            /* one of this number */
#define HITS_MIN 2u                 /* one block that is everywhere, such as
                                       0xff, is no sign */
#define FOUND_SHARE 16u             /* an object is made of blocks if one of
                                       this number was found */
#define LISTS_MAX 2u                /* LISTs not answered: the source does
                                       nothing else meanwhile */
#define HELD_FRAME (32u << 10)      /* bytes, about */

/* What the objects wait for. */
enum step {
    STEP_COLLECT,                   /* more objects; they are not sorted */
    STEP_SAMPLE,                    /* lists of the sample, then its probe */
    STEP_ALL,                       /* lists of all, then the probe and the
                                       search */
    STEP_ENDED,                     /* recipes, if HELD was sent for some */
};

struct unmatched {
    uint64_t number;
    struct listed_blocks blocks;
    bool told;                      /* HELD was sent; covered by the disk's
                                       lock, as the next */
    bool taken;                     /* and its recipe has begun */
};

struct blocklist {
    uint8_t key[PROTO_KEY];

    /* Covered by the disk's lock while objects are handed over, then they
     * stand still. */
    struct unmatched *objects;      /* by number from STEP_SAMPLE on */
    size_t n, room;
    size_t reserved;                /* blocks */

    /* Steps. */
    uint32_t *order;                /* objects, as they are asked for */
    size_t n_sample;                /* that come first */
    struct blocktable *table;
    struct blocksearch *search;

    /* Covered by the disk's lock. */
    enum step step;
    size_t asked, answered;         /* of order */
    size_t round_end;               /* up to where is asked */
    size_t counts[LISTS_MAX];       /* of the LISTs that are not answered */
    unsigned n_counts;
};

static void set_step(struct target_disk *d, enum step step)
{
    pthread_mutex_lock(&d->lock);
    d->blocklist->step = step;
    pthread_mutex_unlock(&d->lock);
}

static enum step get_step(struct target_disk *d)
{
    enum step step;

    pthread_mutex_lock(&d->lock);
    step = d->blocklist->step;
    pthread_mutex_unlock(&d->lock);
    return step;
}

/* The end of the steps.  Afterwards others may free all this. */

/* Wants what no HELD was sent for. */
static void want_rest(struct target_disk *d, int rc)
{
    struct blocklist *s = d->blocklist;
    size_t i, n = 0;

    set_step(d, STEP_ENDED);
    for (i = 0; i < s->n; i++) {
        if (s->objects[i].told)
            continue;
        if (!rc && !d->error)
            rc = want_ask(d, s->objects[i].number);
        n++;
    }
    if (!rc)
        rc = want_flush(d);
    for (i = 0; i < n; i++)
        want_leave(d, WANT_HELPED, rc);
    want_leave(d, WANT_HELPED, rc);
}

static void end_probe(struct blocklist *s)
{
    blocksearch_free(s->search);
    s->search = NULL;
    blocktable_free(s->table);
    s->table = NULL;
}

static void give_up(struct target_disk *d, int rc)
{
    end_probe(d->blocklist);
    want_rest(d, rc);
}

/* Handing over (STEP_COLLECT) */

/* With the lock held. */
static int add_object(struct target_disk *d, const struct wire_object *o,
                     uint64_t number)
{
    struct blocklist *s = d->blocklist;
    size_t room;
    void *list;

    if (!s) {
        s = calloc(1, sizeof(*s));
        if (!s)
            return -ENOMEM;
        randombytes_buf(s->key, sizeof(s->key));
        d->blocklist = s;
        want_enter(d, WANT_HELPED, 1);  /* the steps */
    }
    if (s->n == s->room) {
        room = s->room ? 2 * s->room : 256;
        list = reallocarray(s->objects, room, sizeof(*s->objects));
        if (!list)
            return -ENOMEM;
        s->objects = list;
        s->room = room;
    }
    s->objects[s->n++] = (struct unmatched){ .number = number,
                                             .blocks.size = o->size };
    s->reserved += o->size / PROTO_BLOCK;
    want_enter(d, WANT_HELPED, 1);
    return 0;
}

int blocklist_ask(struct target_disk *d, const struct wire_object *o,
                  uint64_t number, bool *taken_r)
{
    size_t blocks = o->size / PROTO_BLOCK;
    int rc;

    *taken_r = false;
    if (o->kind != KIND_UNPARSED || o->size < SMALLEST ||
        references_count(d->references) == 0 ||
        !allowance_take(d->blocks_left, blocks))
        return 0;
    /* Each block that is listed is a guess at what this host holds. */
    if (!allowance_take(&d->told->listed, blocks)) {
        allowance_give(d->blocks_left, blocks);
        return 0;
    }
    pthread_mutex_lock(&d->lock);
    rc = add_object(d, o, number);
    pthread_mutex_unlock(&d->lock);
    if (rc) {
        allowance_give(d->blocks_left, blocks);
        return rc;
    }
    references_arrived(d->references, o->size);     /* if ever, later */
    *taken_r = true;
    return 0;
}

/* Asking for lists */

static int send_list(struct target_disk *d, size_t first, size_t count)
{
    const struct blocklist *s = d->blocklist;
    struct buf b = BUF_INIT;
    uint64_t previous = 0, number;
    size_t i;
    int rc;

    buf_put(&b, s->key, PROTO_KEY);
    buf_put_u32(&b, count);
    for (i = first; i < first + count; i++) {
        number = s->objects[s->order[i]].number;
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
    struct blocklist *s = d->blocklist;
    size_t n;
    int rc = 0;

    while (!rc && s->n_counts < LISTS_MAX && s->asked < s->round_end) {
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
    d->blocklist->round_end = end;
    rc = ask_more(d);
    pthread_mutex_unlock(&d->lock);
    return rc;
}

static int compare_unmatched(const void *a, const void *b)
{
    const struct unmatched *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

/* The sample is of every part of the disk. */
static int make_order(struct blocklist *s)
{
    size_t step = SAMPLE_SHARE, i, n = 0;

    s->order = calloc(s->n, sizeof(*s->order));
    if (!s->order)
        return -ENOMEM;
    qsort(s->objects, s->n, sizeof(*s->objects), compare_unmatched);
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

static int ask_for_sample(struct target_disk *d)
{
    struct blocklist *s = d->blocklist;
    int rc = make_order(s);

    if (rc)
        return rc;
    set_step(d, s->n_sample < s->n ? STEP_SAMPLE : STEP_ALL);
    return begin_round(d, s->n_sample);
}

static int first_step(void *opaque, uint64_t number)
{
    struct target_disk *d = opaque;
    bool worth_it = d->blocklist->reserved >= LEAST;
    int rc = d->error;

    (void)number;
    if (!rc && worth_it)
        rc = ask_for_sample(d);
    if (rc || !worth_it)
        give_up(d, rc);
    return 0;
}

int blocklist_begin(struct target_disk *d)
{
    static const char no_memory[] = "out of memory";
    int rc = d->blocklist ? threadpool_add(d->pool, first_step, d, 0, 1) : 0;

    /* Otherwise both sides would wait for each other. */
    return rc ? wire_send(d->wire, FRAME_FAIL, d->number, no_memory,
                          strlen(no_memory)) : 0;
}

/* Lists */

/* Takes the answer to the first LIST that is open. */
static int take_lists(struct target_disk *d, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    struct blocklist *s = d->blocklist;
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
        rc = listed_blocks_take(&s->objects[s->order[i]].blocks, &c);
    return rc ? rc : cursor_left(&c) > 0 ? -EPROTO : 0;
}

static int begin_probe(struct target_disk *d, size_t answered);

int blocklist_take(struct target_disk *d, const struct frame *f)
{
    bool complete = false;
    struct blocklist *s;
    size_t answered;
    int rc;

    pthread_mutex_lock(&d->lock);
    s = d->blocklist;
    pthread_mutex_unlock(&d->lock);
    rc = s ? take_lists(d, f) : -EPROTO;
    if (rc)
        return rc;
    pthread_mutex_lock(&d->lock);
    rc = ask_more(d);
    complete = s->n_counts == 0;
    answered = s->answered;
    pthread_mutex_unlock(&d->lock);
    /* Without memory all is wanted whole. */
    if (!rc && complete && begin_probe(d, answered))
        give_up(d, 0);
    return rc;
}

/* Probing (both steps) */

static void probed(void *opaque);
static void searched(void *opaque);

static bool is_stopped(void *opaque)
{
    const struct target_disk *d = opaque;

    return d->error != 0;
}

static int begin_probe(struct target_disk *d, size_t answered)
{
    struct blocklist *s = d->blocklist;
    struct blocksearch_options opt = {
        .pool = d->pool,
        .references = d->references,
        .key = s->key,
        .stopped = is_stopped,
        .opaque = d,
    };
    size_t i;
    int rc;

    rc = blocktable_new(&s->table, answered * PROTO_LIST_BLOCKS <
                        s->reserved ? answered * PROTO_LIST_BLOCKS :
                        s->reserved);
    if (rc)
        return rc;
    for (i = 0; i < s->n; i++)
        listed_blocks_add(&s->objects[i].blocks, s->table);
    opt.table = s->table;
    rc = blocksearch_new(&s->search, &opt);
    return rc ? rc : blocksearch_probe(s->search, probed);
}

/* The probe has found out whether a search is worth it. */
static void probed(void *opaque)
{
    struct target_disk *d = opaque;
    struct blocklist *s = d->blocklist;
    size_t hits = blocksearch_hits(s->search);
    int rc;

    log_debug("disk %s: %zu blocks found in samples, of %zu that are looked "
              "for", d->vdev, hits, blocktable_missing(s->table));
    if (d->error || hits < HITS_MIN) {
        give_up(d, 0);
        return;
    }
    if (get_step(d) == STEP_ALL) {
        if (blocksearch_run(s->search, searched))
            give_up(d, 0);
        return;
    }
    end_probe(s);
    set_step(d, STEP_ALL);
    rc = begin_round(d, s->n);
    if (rc)
        give_up(d, rc);
}

/* What was found */

/* Sends a frame that tells of objects first ... end - 1. */
static int send_held(struct target_disk *d, size_t first, size_t end,
                     const bool *chosen, struct buf *b)
{
    size_t i;
    int rc;

    if (b->length == 0)
        return 0;
    pthread_mutex_lock(&d->lock);
    for (i = first; i < end; i++)
        d->blocklist->objects[i].told = chosen[i];
    pthread_mutex_unlock(&d->lock);
    rc = wire_send_buf(d->wire, FRAME_HELD, d->number, b);
    buf_reset(b);
    return rc;
}

static int tell_held(struct target_disk *d, const bool *chosen)
{
    const struct blocklist *s = d->blocklist;
    const struct unmatched *u;
    struct buf b = BUF_INIT;
    uint64_t previous = 0;
    size_t i, first = 0;
    int rc = 0;

    for (i = 0; i < s->n && !rc; i++) {
        if (!chosen[i])
            continue;
        u = &s->objects[i];
        buf_put_zigzag(&b, (int64_t)(u->number - previous));
        listed_blocks_put_held(&u->blocks, s->table, &b);
        previous = u->number;
        if (b.length < HELD_FRAME)
            continue;
        rc = send_held(d, first, i + 1, chosen, &b);
        first = i + 1;
        previous = 0;
    }
    if (!rc)
        rc = send_held(d, first, s->n, chosen, &b);
    buf_release(&b);
    return rc;
}

/* The search has ended, and with it the steps. */
static void searched(void *opaque)
{
    struct target_disk *d = opaque;
    struct blocklist *s = d->blocklist;
    bool *chosen = calloc(s->n, sizeof(*chosen));
    size_t i, all, n, found = 0, looked_for = 0;
    int rc = chosen ? 0 : -ENOMEM;

    for (i = 0; i < s->n && !rc; i++) {
        n = listed_blocks_found(&s->objects[i].blocks, s->table, &all);
        chosen[i] = n > 0 && n >= all / FOUND_SHARE;
        looked_for += all;
        found += n;
    }
    log_info("disk %s: of %.1f MB that no parser understands %.1f MB were "
             "found in blocks, in %.1f MB of the references", d->vdev,
             looked_for * PROTO_BLOCK / 1e6, found * PROTO_BLOCK / 1e6,
             blocksearch_bytes(s->search) / 1e6);
    /* The table stays: blocklist_read() looks things up in it. */
    blocksearch_free(s->search);
    s->search = NULL;
    if (!rc && !d->error)
        rc = tell_held(d, chosen);
    free(chosen);
    /* Without memory the rest is wanted whole. */
    want_rest(d, rc == -ENOMEM ? 0 : rc);
}

/* Recipes */

const struct unmatched *blocklist_take_object(struct target_disk *d,
                                              uint64_t number)
{
    struct unmatched key = { .number = number }, *u = NULL;

    pthread_mutex_lock(&d->lock);
    if (d->blocklist && d->blocklist->step > STEP_COLLECT)
        u = bsearch(&key, d->blocklist->objects, d->blocklist->n, sizeof(*u),
                    compare_unmatched);
    if (u && u->told && !u->taken)
        u->taken = true;
    else
        u = NULL;
    pthread_mutex_unlock(&d->lock);
    return u;
}

uint32_t blocklist_head(const struct unmatched *u)
{
    return u->blocks.head;
}

int blocklist_read(struct target_disk *d, const struct unmatched *u,
                   void *data, size_t length, uint64_t offset)
{
    return listed_blocks_read(&u->blocks, d->blocklist->table, d->references,
                              data, length, offset);
}

void blocklist_release(struct target_disk *d)
{
    struct blocklist *s = d->blocklist;
    size_t i;

    if (!s)
        return;
    blocksearch_free(s->search);
    blocktable_free(s->table);
    for (i = 0; i < s->n; i++)
        listed_blocks_release(&s->objects[i].blocks);
    free(s->objects);
    free(s->order);
    allowance_give(d->blocks_left, s->reserved);
    free(s);
    d->blocklist = NULL;
}
