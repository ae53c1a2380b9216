/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Objects go to their places; see place.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/budget.h"
#include "plugin/target/destination_storage.h"
#include "plugin/target/destination_write.h"
#include "plugin/target/digest_table.h"
#include "plugin/target/place.h"
#include "plugin/target/segments.h"

int place_begin(struct target_disk *d)
{
    int rc;

    if (d->touched)
        return 0;
    rc = budget_take(d->budget, d->n_segments, "the segments of a disk");
    if (rc)
        return rc;
    d->touched = calloc(d->n_segments + 1, sizeof(*d->touched));
    if (!d->touched)
        budget_give(d->budget, d->n_segments);
    return d->touched ? 0 : -ENOMEM;
}

void place_release(struct target_disk *d)
{
    if (d->touched)
        budget_give(d->budget, d->n_segments);
    free(d->touched);
    d->touched = NULL;
}

void place_touch(struct target_disk *d, uint64_t offset, uint64_t length)
{
    uint64_t n = offset / PROTO_SEGMENT;
    uint64_t last = length ? (offset + length - 1) / PROTO_SEGMENT : n;

    for (; n <= last; n++)
        atomic_store_explicit(&d->touched[n], 1, memory_order_relaxed);
}

void place_touch_object(const struct batch *b, const struct wire_object *o)
{
    const struct fsparse_extent *e = b->extents + o->first_extent;
    uint32_t i;

    for (i = 0; i < o->n_extents; i++)
        place_touch(b->disk, e[i].physical, e[i].length);
}

/* Writing */

/* Writes, and notes that the digests of these segments are old; at the end
 * once more, for readback.h may have read them meanwhile. */
static int put(struct target_disk *d, const void *data, size_t length,
               uint64_t offset, bool arrived)
{
    int rc;

    place_touch(d, offset, length);
    rc = arrived ? destination_fill(&d->dest, data, length, offset) :
        destination_coalesce(&d->dest, data, length, offset);
    place_touch(d, offset, length);
    return rc;
}

int place_write(struct target_disk *d, const void *data, size_t length,
                uint64_t offset)
{
    return put(d, data, length, offset, true);
}

void place_copy_begin(struct copy *c, const struct batch *b,
                      const struct wire_object *o)
{
    c->disk = b->disk;
    c->object = o;
    c->extents = b->extents + o->first_extent;
    c->next = 0;
    digest_init(&c->state);
}

bool place_copy_is(struct copy *c, const uint8_t digest[PROTO_SHORT_DIGEST])
{
    uint8_t hash[HASH_BYTES];

    digest_final(&c->state, hash);
    return !memcmp(hash, digest, PROTO_SHORT_DIGEST);
}

int place_put(struct copy *c, const void *data, size_t length,
              uint64_t logical)
{
    uint64_t end = logical + length, from, to;
    const struct fsparse_extent *e;
    int rc = 0;

    while (!rc && c->next < c->object->n_extents) {
        e = &c->extents[c->next];
        if (e->logical >= end)
            break;
        from = e->logical > logical ? e->logical : logical;
        to = e->logical + e->length < end ? e->logical + e->length : end;
        if (from < to)
            rc = put(c->disk, (const uint8_t *)data + (from - logical),
                     to - from, e->physical + from - e->logical, false);
        if (e->logical + e->length > end)
            break;
        c->next++;
    }
    return rc;
}

int place_copy(void *opaque, const void *data, size_t length, uint64_t logical)
{
    struct copy *c = opaque;

    digest_update(&c->state, data, length);
    return place_put(c, data, length, logical);
}

int place_clear_object(const struct batch *b, const struct wire_object *o)
{
    const struct fsparse_extent *e = b->extents + o->first_extent;
    struct target_disk *d = b->disk;
    uint32_t i;
    int rc = 0;

    place_touch_object(b, o);
    for (i = 0; i < o->n_extents && !rc; i++)
        rc = destination_zero(&d->dest, e[i].physical, e[i].length);
    place_touch_object(b, o);
    if (rc)
        destination_spoil(&d->dest);
    return rc;
}

/* What is there */

bool place_has_content(const struct destination *dest)
{
    return dest->block ? !dest->blank : dest->resumed;
}

struct place place_look(const struct batch *b, const struct wire_object *o)
{
    const struct target_disk *d = b->disk;
    struct place place = { true, true };
    const struct fsparse_extent *e;
    uint64_t n, last;
    uint32_t i;

    for (i = 0; i < o->n_extents; i++) {
        e = &b->extents[o->first_extent + i];
        n = e->physical / PROTO_SEGMENT;
        last = (e->physical + e->length - 1) / PROTO_SEGMENT;
        for (; n <= last; n++) {
            if (!d->dest.replaced && !digest_table_is_zero(d->own, n))
                place.empty = false;
            if (!segments_agree(d, n))
                place.same = false;
        }
    }
    return place;
}

bool place_is_empty(const struct batch *b, const struct wire_object *o)
{
    return !place_has_content(&b->disk->dest) || place_look(b, o).empty;
}
