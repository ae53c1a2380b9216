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
 * The lock covers everything but the memory of slots, which belongs to their
 * users, and to who writes them when there are none.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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

struct gather {
    uint64_t size;
    gather_write *write;
    void *opaque;
    pthread_mutex_t lock;
    pthread_cond_t change;      /* no users, or not writing any more */
    uint8_t *memory;
    struct slot slots[SLOTS];
    uint8_t *written;           /* by segment */
    uint64_t clock;
    int rc;                     /* of the first failure */
};

int gather_new(struct gather **g_r, uint64_t size, gather_write *write,
               void *opaque)
{
    struct gather *g = calloc(1, sizeof(*g));
    unsigned i;

    if (!g)
        return -ENOMEM;
    g->size = size;
    g->write = write;
    g->opaque = opaque;
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->change, NULL);
    g->written = calloc(segment_count(size) + 1, 1);
    g->memory = huge_alloc(SLOTS * (size_t)PROTO_SEGMENT);
    if (!g->written || !g->memory) {
        gather_free(g);
        return -ENOMEM;
    }
    for (i = 0; i < SLOTS; i++)
        g->slots[i].data = g->memory + i * (size_t)PROTO_SEGMENT;
    *g_r = g;
    return 0;
}

void gather_free(struct gather *g)
{
    if (!g)
        return;
    free(g->memory);
    free(g->written);
    pthread_cond_destroy(&g->change);
    pthread_mutex_destroy(&g->lock);
    free(g);
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

static int write_slot(struct gather *g, struct slot *s)
{
    size_t length = segment_length(g->size, s->segment), i;

    for (i = 0; i * BLOCK < length; i++)
        clear_untouched(s, i);
    return g->write(g->opaque, s->data, length, s->segment * PROTO_SEGMENT);
}

/* Writes slots that nobody uses.  Gives the lock away meanwhile. */
static void write_slots(struct gather *g, struct slot **slots, unsigned n)
{
    unsigned i;
    int rc = g->rc;

    for (i = 0; i < n; i++)
        slots[i]->writing = true;
    pthread_mutex_unlock(&g->lock);
    qsort(slots, n, sizeof(*slots), by_segment);
    for (i = 0; i < n && !rc; i++)
        rc = write_slot(g, slots[i]);
    pthread_mutex_lock(&g->lock);
    if (rc && !g->rc)
        g->rc = rc;
    for (i = 0; i < n; i++) {
        g->written[slots[i]->segment] = 1;
        slots[i]->writing = slots[i]->taken = false;
    }
    pthread_cond_broadcast(&g->change);
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
static void make_room(struct gather *g)
{
    struct slot *idle[SLOTS];
    unsigned i, n = 0;

    for (i = 0; i < SLOTS; i++)
        if (is_idle(&g->slots[i]))
            idle[n++] = &g->slots[i];
    if (n < BATCH) {
        pthread_cond_wait(&g->change, &g->lock);
        return;
    }
    qsort(idle, n, sizeof(*idle), by_use);
    write_slots(g, idle, BATCH);
}

/* Putting */

static struct slot *find(struct gather *g, uint64_t segment)
{
    unsigned i;

    for (i = 0; i < SLOTS; i++)
        if (g->slots[i].taken && g->slots[i].segment == segment)
            return &g->slots[i];
    return NULL;
}

static struct slot *take_free(struct gather *g)
{
    struct slot *s = g->slots;

    while (s < g->slots + SLOTS && s->taken)
        s++;
    if (s == g->slots + SLOTS)
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
static struct slot *enter(struct gather *g, uint64_t segment)
{
    struct slot *s;

    for (;;) {
        if (g->rc || g->written[segment])
            return NULL;
        s = find(g, segment);
        if (s && s->writing) {
            pthread_cond_wait(&g->change, &g->lock);
            continue;
        }
        if (!s)
            s = take_free(g);
        if (s)
            break;
        make_room(g);
    }
    s->taken = true;
    s->segment = segment;
    s->used = ++g->clock;
    s->users++;
    return s;
}

ssize_t gather_put(struct gather *g, const void *data, size_t length,
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
    pthread_mutex_lock(&g->lock);
    s = enter(g, segment);
    if (s)
        touch(s, start, start + length);
    rc = g->rc;
    pthread_mutex_unlock(&g->lock);
    if (!s)
        return rc;
    memcpy(s->data + start, data, length);
    pthread_mutex_lock(&g->lock);
    if (--s->users == 0)
        pthread_cond_broadcast(&g->change);
    pthread_mutex_unlock(&g->lock);
    return length;
}

/* Settling */

/* The slots of a range.  *busy_r: there are others that have to be waited
 * for. */
static unsigned find_range(struct gather *g, uint64_t first, uint64_t last,
                           struct slot **slots, bool *busy_r)
{
    unsigned i, n = 0;

    *busy_r = false;
    for (i = 0; i < SLOTS; i++) {
        struct slot *s = &g->slots[i];

        if (!s->taken || s->segment < first || s->segment > last)
            continue;
        if (is_idle(s))
            slots[n++] = s;
        else
            *busy_r = true;
    }
    return n;
}

int gather_settle(struct gather *g, uint64_t offset, uint64_t length)
{
    uint64_t first = offset / PROTO_SEGMENT, last;
    struct slot *slots[SLOTS];
    unsigned n;
    bool busy;
    int rc;

    if (!g || length == 0)
        return 0;
    last = (offset + length - 1) / PROTO_SEGMENT;
    pthread_mutex_lock(&g->lock);
    while ((n = find_range(g, first, last, slots, &busy)) || busy) {
        if (n)
            write_slots(g, slots, n);
        else
            pthread_cond_wait(&g->change, &g->lock);
    }
    memset(g->written + first, 1, last - first + 1);
    rc = g->rc;
    pthread_mutex_unlock(&g->lock);
    return rc;
}
