/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The objects of a disk; see objects.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/budget.h"
#include "plugin/target/objects.h"

struct objects {
    struct batch **batches;         /* by number */
    size_t n_batches, room;
    uint64_t n_objects;
    uint64_t n_extents;
};

uint64_t objects_count(const struct target_disk *d)
{
    return d->objects ? d->objects->n_objects : 0;
}

uint64_t objects_extents_count(const struct target_disk *d)
{
    return d->objects ? d->objects->n_extents : 0;
}

/* A frame */

static int take_extents(struct target_disk *d, struct batch *b,
                        struct wire_object *o, struct cursor *c,
                        uint64_t *physical)
{
    struct fsparse_extent *e;
    uint64_t logical = 0;
    uint32_t i;

    for (i = 0; i < o->n_extents; i++) {
        e = &b->extents[o->first_extent + i];
        e->logical = logical + cursor_varint(c);
        e->physical = *physical + (uint64_t)cursor_zigzag(c);
        e->length = cursor_varint(c);
        if (c->bad || e->logical < logical || e->length == 0 ||
            e->logical > o->size || e->length > o->size - e->logical ||
            e->physical > d->size || e->length > d->size - e->physical)
            return -EPROTO;
        logical = e->logical + e->length;
        *physical = e->physical + e->length;
    }
    return 0;
}

static int take_object(struct target_disk *d, struct batch *b,
                       struct wire_object *o, struct cursor *c,
                       uint64_t *physical, uint32_t *n_extents, uint32_t room)
{
    const uint8_t *digest = cursor_get(c, PROTO_SHORT_DIGEST);
    uint64_t n;
    int rc;

    if (!digest)
        return -EPROTO;
    memcpy(o->digest, digest, PROTO_SHORT_DIGEST);
    o->size = cursor_varint(c);
    n = cursor_varint(c);
    o->kind = n & ((1u << PROTO_KIND_BITS) - 1);
    n >>= PROTO_KIND_BITS;
    if (c->bad || o->kind > KIND_UNPARSED || n == 0 || n > room - *n_extents ||
        o->size > d->size + GAP_FILE_MAX)
        return -EPROTO;
    o->first_extent = *n_extents;
    o->n_extents = n;
    *n_extents += n;
    rc = take_extents(d, b, o, c, physical);
    if (!rc && o->kind == KIND_UNPARSED &&
        (n != 1 || o->size > PROTO_LIST_OBJECT_MAX ||
         b->extents[o->first_extent].length != o->size))
        rc = -EPROTO;
    return rc;
}

static void batch_free(struct batch *b)
{
    if (!b)
        return;
    budget_give(b->disk->budget, b->taken);
    free(b->objects);
    free(b->extents);
    free(b);
}

static int keep_batch(struct objects *all, struct batch *b)
{
    size_t room = all->room ? 2 * all->room : 64;
    struct batch **list;

    if (all->n_batches == all->room) {
        list = reallocarray(all->batches, room, sizeof(*list));
        if (!list)
            return -ENOMEM;
        all->batches = list;
        all->room = room;
    }
    all->batches[all->n_batches++] = b;
    all->n_objects += b->count;
    return 0;
}

/* Extents count twice, for objects_extents() copies them; each batch is in a
 * list that has room for as many again. */
static uint64_t bytes_of(const struct batch *b, uint64_t n_extents)
{
    return sizeof(*b) + 2 * sizeof(b) + b->count * sizeof(*b->objects) +
        2 * n_extents * sizeof(*b->extents);
}

/* Memory for the frame at hand: for as many extents as there may be in it. */
static int make_room(struct target_disk *d, struct batch *b, uint32_t room)
{
    int rc = budget_take(d->budget, bytes_of(b, room),
                         "the list of a disk's objects");

    if (rc)
        return rc;
    b->taken = bytes_of(b, room);
    b->objects = calloc(b->count, sizeof(*b->objects));
    b->extents = calloc(room, sizeof(*b->extents));
    return b->objects && b->extents ? 0 : -ENOMEM;
}

/* The extents are known.  Shrinking cannot fail in a way that matters. */
static void give_room(struct target_disk *d, struct batch *b,
                      uint32_t n_extents)
{
    struct fsparse_extent *e = realloc(b->extents, n_extents * sizeof(*e));

    if (!e)
        return;
    b->extents = e;
    budget_give(d->budget, b->taken - bytes_of(b, n_extents));
    b->taken = bytes_of(b, n_extents);
}

static int take_batch(struct target_disk *d, const struct frame *f,
                      struct batch *b)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    uint64_t physical = 0;
    uint32_t i, n_extents = 0, room;
    int rc;

    b->first = cursor_u64(&c);
    b->count = cursor_u32(&c);
    /* An object takes at least 21 bytes, an extent at least 3: the peer can
     * make us allocate only a small multiple of what it sent. */
    if (c.bad || b->first != d->objects->n_objects || b->count == 0 ||
        b->count > cursor_left(&c) / 21 ||
        d->objects->n_objects + b->count > PROTO_OBJECTS_MAX)
        return -EPROTO;
    room = cursor_left(&c) / 3;
    rc = make_room(d, b, room);
    for (i = 0; i < b->count && !rc; i++)
        rc = take_object(d, b, &b->objects[i], &c, &physical, &n_extents,
                         room);
    if (!rc && (c.bad || cursor_left(&c) > 0))
        rc = -EPROTO;
    d->objects->n_extents += n_extents;
    if (!rc && d->objects->n_extents > PROTO_EXTENTS_MAX)
        rc = -EPROTO;
    if (!rc)
        give_room(d, b, n_extents);
    return rc;
}

int objects_take(struct target_disk *d, const struct frame *f,
                 struct batch **b_r)
{
    struct batch *b;
    int rc;

    if (!d->objects)
        d->objects = calloc(1, sizeof(*d->objects));
    b = calloc(1, sizeof(*b));
    if (b)
        b->disk = d;
    rc = d->objects && b ? take_batch(d, f, b) : -ENOMEM;
    if (!rc)
        rc = keep_batch(d->objects, b);
    if (rc) {
        batch_free(b);
        return rc;
    }
    *b_r = b;
    return 0;
}

void objects_release(struct target_disk *d)
{
    size_t i;

    if (!d->objects)
        return;
    for (i = 0; i < d->objects->n_batches; i++)
        batch_free(d->objects->batches[i]);
    free(d->objects->batches);
    free(d->objects);
    d->objects = NULL;
}

/* Looking them up */

static const struct batch *batch_of(const struct objects *all,
                                    uint64_t number)
{
    size_t low = 0, high = all ? all->n_batches : 0, middle;

    while (low < high) {
        middle = low + (high - low) / 2;
        if (number < all->batches[middle]->first)
            high = middle;
        else if (number >= all->batches[middle]->first +
                           all->batches[middle]->count)
            low = middle + 1;
        else
            return all->batches[middle];
    }
    return NULL;
}

struct wire_object *objects_find(const struct target_disk *d, uint64_t number,
                                 const struct batch **b_r)
{
    *b_r = batch_of(d->objects, number);
    return *b_r ? &(*b_r)->objects[number - (*b_r)->first] : NULL;
}

static int compare_physical(const void *a, const void *b)
{
    const struct fsparse_extent *x = a, *y = b;

    return (x->physical > y->physical) - (x->physical < y->physical);
}

struct fsparse_extent *objects_extents(const struct target_disk *d,
                                       uint64_t *n_r)
{
    const struct objects *objects = d->objects;
    struct fsparse_extent *all = calloc(objects_extents_count(d) + 1,
                                        sizeof(*all));
    const struct wire_object *last;
    const struct batch *b;
    uint64_t n = 0;
    uint32_t count;
    size_t i;

    for (i = 0; all && objects && i < objects->n_batches; i++) {
        b = objects->batches[i];
        last = &b->objects[b->count - 1];
        count = last->first_extent + last->n_extents;
        memcpy(all + n, b->extents, count * sizeof(*all));
        n += count;
    }
    if (all)
        qsort(all, n, sizeof(*all), compare_physical);
    *n_r = n;
    return all;
}
