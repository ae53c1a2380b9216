/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Putting segments together; see coalesce.h.
 *
 * A slot holds a segment.  Blocks where nothing was put are zeroed only when it
 * is written, the rest of others when something is put there first, so that
 * content is not preceded by as many zeros.  When there is none left,
 * those that were used least recently are written, some of them at once and in
 * the order of the disk: whoever puts goes over the disk about in order, so
 * these are complete, and the storage has to seek for a batch only.  A segment
 * that was written is not put together again: what comes late is up to the
 * caller.
 *
 * The lock covers everything but the memory of slots: that belongs to their
 * users, and when they have none, to the thread that writes them.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/budget.h"
#include "plugin/base/hugepage.h"
#include "plugin/content/segment.h"
#include "plugin/proto.h"
#include "plugin/target/coalesce.h"

#define SLOTS 16u
#define BATCH 4u                /* written together, by each of some threads */
#define BLOCK 4096u

struct slot {
    uint8_t *data;
    bool touched[PROTO_SEGMENT / BLOCK];    /* by block: something was put
                                   there, the rest of it is zero */
    uint64_t segment;
    uint64_t used;              /* when last */
    unsigned users;             /* who put something there just now */
    bool taken;
    bool writing;
};

struct coalesce {
    uint64_t size;
    struct budget *budget;
    coalesce_write *write;
    void *opaque;
    pthread_mutex_t lock;
    pthread_cond_t change;      /* no users, or not writing any more */
    uint8_t *memory;
    struct slot slots[SLOTS];
    uint8_t *written;           /* by segment */
    uint64_t clock;
    int rc;                     /* of the first failure */
};

static uint64_t bytes_of(uint64_t size)
{
    return SLOTS * (uint64_t)PROTO_SEGMENT + segment_count(size);
}

int coalesce_new(struct coalesce **c_r, uint64_t size, struct budget *budget,
                 coalesce_write *write, void *opaque)
{
    struct coalesce *c = calloc(1, sizeof(*c));
    unsigned i;

    if (!c)
        return -ENOMEM;
    if (!budget_take_spare(budget, bytes_of(size))) {
        free(c);
        return -ENOBUFS;
    }
    c->size = size;
    c->budget = budget;
    c->write = write;
    c->opaque = opaque;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->change, NULL);
    c->written = calloc(segment_count(size) + 1, 1);
    c->memory = huge_alloc(SLOTS * (size_t)PROTO_SEGMENT);
    if (!c->written || !c->memory) {
        coalesce_free(c);
        return -ENOMEM;
    }
    for (i = 0; i < SLOTS; i++)
        c->slots[i].data = c->memory + i * (size_t)PROTO_SEGMENT;
    *c_r = c;
    return 0;
}

void coalesce_free(struct coalesce *c)
{
    if (!c)
        return;
    budget_give(c->budget, bytes_of(c->size));
    free(c->memory);
    free(c->written);
    pthread_cond_destroy(&c->change);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* Writing */

static int by_segment(const void *a, const void *b)
{
    const struct slot *x = *(struct slot *const *)a;
    const struct slot *y = *(struct slot *const *)b;

    return (x->segment > y->segment) - (x->segment < y->segment);
}

static void clear_untouched(struct slot *s, size_t block)
{
    if (!s->touched[block])
        memset(s->data + block * BLOCK, 0, BLOCK);
}

static int write_slot(struct coalesce *c, struct slot *s)
{
    size_t length = segment_length(c->size, s->segment), i;

    for (i = 0; i * BLOCK < length; i++)
        clear_untouched(s, i);
    return c->write(c->opaque, s->data, length, s->segment * PROTO_SEGMENT);
}

/* Writes slots that nobody uses.  Gives the lock away meanwhile. */
static void write_slots(struct coalesce *c, struct slot **slots, unsigned n)
{
    unsigned i;
    int rc = c->rc;

    for (i = 0; i < n; i++)
        slots[i]->writing = true;
    pthread_mutex_unlock(&c->lock);
    qsort(slots, n, sizeof(*slots), by_segment);
    for (i = 0; i < n && !rc; i++)
        rc = write_slot(c, slots[i]);
    pthread_mutex_lock(&c->lock);
    if (rc && !c->rc)
        c->rc = rc;
    for (i = 0; i < n; i++) {
        c->written[slots[i]->segment] = 1;
        slots[i]->writing = slots[i]->taken = false;
    }
    pthread_cond_broadcast(&c->change);
}

static bool is_idle(const struct slot *s)
{
    return s->taken && !s->users && !s->writing;
}

static int by_use(const void *a, const void *b)
{
    const struct slot *x = *(struct slot *const *)a;
    const struct slot *y = *(struct slot *const *)b;

    return (x->used > y->used) - (x->used < y->used);
}

/* Makes room, or waits for somebody who does. */
static void make_room(struct coalesce *c)
{
    struct slot *idle[SLOTS];
    unsigned i, n = 0;

    for (i = 0; i < SLOTS; i++)
        if (is_idle(&c->slots[i]))
            idle[n++] = &c->slots[i];
    if (n < BATCH) {
        pthread_cond_wait(&c->change, &c->lock);
        return;
    }
    qsort(idle, n, sizeof(*idle), by_use);
    write_slots(c, idle, BATCH);
}

/* Putting */

static struct slot *find(struct coalesce *c, uint64_t segment)
{
    unsigned i;

    for (i = 0; i < SLOTS; i++)
        if (c->slots[i].taken && c->slots[i].segment == segment)
            return &c->slots[i];
    return NULL;
}

static struct slot *take_free(struct coalesce *c)
{
    struct slot *s = c->slots;

    while (s < c->slots + SLOTS && s->taken)
        s++;
    if (s == c->slots + SLOTS)
        return NULL;
    memset(s->touched, 0, sizeof(s->touched));
    return s;
}

/* Bytes [start, end) of the slot will be put.  With the lock held, so that
 * nobody has put something yet into a block that is not touched. */
static void touch(struct slot *s, size_t start, size_t end)
{
    size_t first = start / BLOCK, last = (end - 1) / BLOCK;

    if (start % BLOCK)
        clear_untouched(s, first);
    if (end % BLOCK)
        clear_untouched(s, last);
    memset(s->touched + first, true, last - first + 1);
}

/* A slot for the segment, with us as a user, or NULL: the caller writes there,
 * or something could not be written. */
static struct slot *enter(struct coalesce *c, uint64_t segment)
{
    struct slot *s;

    for (;;) {
        if (c->rc || c->written[segment])
            return NULL;
        s = find(c, segment);
        if (s && s->writing) {
            pthread_cond_wait(&c->change, &c->lock);
            continue;
        }
        if (!s)
            s = take_free(c);
        if (s)
            break;
        make_room(c);
    }
    s->taken = true;
    s->segment = segment;
    s->used = ++c->clock;
    s->users++;
    return s;
}

ssize_t coalesce_put(struct coalesce *c, const void *data, size_t length,
                     uint64_t offset)
{
    uint64_t segment = offset / PROTO_SEGMENT;
    size_t start = offset % PROTO_SEGMENT;
    struct slot *s;
    int rc;

    if (length == 0)
        return 0;
    if (length > PROTO_SEGMENT - start)
        length = PROTO_SEGMENT - start;
    pthread_mutex_lock(&c->lock);
    s = enter(c, segment);
    if (s)
        touch(s, start, start + length);
    rc = c->rc;
    pthread_mutex_unlock(&c->lock);
    if (!s)
        return rc;
    memcpy(s->data + start, data, length);
    pthread_mutex_lock(&c->lock);
    if (--s->users == 0)
        pthread_cond_broadcast(&c->change);
    pthread_mutex_unlock(&c->lock);
    return length;
}

/* Settling */

/* The slots of a range.  *busy_r: there are others that have to be waited
 * for. */
static unsigned find_range(struct coalesce *c, uint64_t first, uint64_t last,
                           struct slot **slots, bool *busy_r)
{
    unsigned i, n = 0;

    *busy_r = false;
    for (i = 0; i < SLOTS; i++) {
        struct slot *s = &c->slots[i];

        if (!s->taken || s->segment < first || s->segment > last)
            continue;
        if (is_idle(s))
            slots[n++] = s;
        else
            *busy_r = true;
    }
    return n;
}

int coalesce_settle(struct coalesce *c, uint64_t offset, uint64_t length)
{
    uint64_t first = offset / PROTO_SEGMENT, last;
    struct slot *slots[SLOTS];
    unsigned n;
    bool busy;
    int rc;

    if (!c || length == 0)
        return 0;
    last = (offset + length - 1) / PROTO_SEGMENT;
    pthread_mutex_lock(&c->lock);
    while ((n = find_range(c, first, last, slots, &busy)) || busy) {
        if (n)
            write_slots(c, slots, n);
        else
            pthread_cond_wait(&c->change, &c->lock);
    }
    memset(c->written + first, 1, last - first + 1);
    rc = c->rc;
    pthread_mutex_unlock(&c->lock);
    return rc;
}
