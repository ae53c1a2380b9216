/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The course of the bulk copy; see bulk.h.
 *
 * For every object that the source lists, a thread looks for its content in
 * the references, unless what an earlier try or copy left ("base") has it in
 * place already: segments compared before the manifest tell.  Content is
 * hashed while it is copied; if it is not what the digest says, the object is
 * asked for.
 *
 * The life of an object, by who has it:
 *
 *   searched   A thread of the pool looks for it (WANT_SEARCHED); ends in
 *              object_searched().
 *   helped     It was not found, but recipe.c or blocklist.c may know
 *              something like it (WANT_HELPED).  They take it over before the
 *              search ends, and let it go with want_leave().
 *   wanted     It was asked for, whole.  It arrives as DATA, is written by the
 *              engine thread, and never meets a thread that still works on it.
 *   left       The passes bring what differs; nothing is done here.
 *   settled    It is in its place, as far as it was written at all
 *              (readback_settle()).
 *
 * When none is searched any more, what waits for company is sent, and
 * blocklist.c begins.  When none is searched or helped, the source is told by
 * WANT_END (want.c).
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "plugin/match/x86_bcj.h"
#include "plugin/target/blocklist.h"
#include "plugin/target/bulk.h"
#include "plugin/target/destination_storage.h"
#include "plugin/target/destination_write.h"
#include "plugin/target/digest_table.h"
#include "plugin/target/index_disk.h"
#include "plugin/target/local_search.h"
#include "plugin/target/place.h"
#include "plugin/target/readback.h"
#include "plugin/target/recipe.h"
#include "plugin/target/segments.h"
#include "plugin/target/want.h"
#include "plugin/target/witness.h"

#define DROP_GAP 16             /* segments that are dropped as well, rather
                                   than with another call */

/* Where DATA goes on. */
struct bulk_position {
    const struct batch *batch;
    uint64_t number;
    uint32_t extent;
    uint64_t done;                  /* bytes of that extent */
    uint64_t total;                 /* bytes of all extents */
};

int bulk_take_compared(struct target_disk *d)
{
    if (!d->comparing || objects_count(d) > 0)
        return -EPROTO;
    d->comparing = false;
    /* Its digests are known now, as those of any other. */
    d->dest.blank = false;
    return d->doubtful ? witness_tell_unlike(d) : 0;
}

/* Searching */

/* One is not searched any more: an object, the manifest, or a batch that was
 * looked up; rc: or it failed. */
static void object_searched(struct target_disk *d, int rc)
{
    pthread_mutex_lock(&d->lock);
    disk_fail(d, rc);
    if (want_is_last(d, WANT_SEARCHED) && d->error != -ECANCELED) {
        disk_fail(d, want_flush_locked(d));
        disk_fail(d, recipe_flush(d));
        disk_fail(d, blocklist_begin(d));
    }
    want_leave_locked(d, WANT_SEARCHED, 0);
    pthread_mutex_unlock(&d->lock);
}

/* The object is nowhere here.  Over something old, the check passes send what
 * differs, block by block, which is never more than the whole object. */
static void ask_for(const struct batch *b, struct wire_object *o, bool empty)
{
    struct target_disk *d = b->disk;
    uint64_t number = object_number(b, o);
    bool taken = false;
    int rc = 0;

    if (recipe_may_help(d, o)) {
        rc = recipe_ask(d, number);
        taken = true;
    } else if (empty) {
        rc = blocklist_ask(d, o, number, &taken);
    }
    if (!rc && !taken && empty)
        rc = want_ask(d, number);
    else if (!rc && !taken && d->dry)
        rc = want_ask_left(b, o);
    object_searched(d, rc);
}

static int find_object(void *opaque, uint64_t number)
{
    const struct batch *b = opaque;
    struct wire_object *o = &b->objects[number];
    struct target_disk *d = b->disk;
    struct place place = { false, true };
    bool found = true;
    int rc = 0;

    if (d->error) {
        object_searched(d, 0);
        return 0;
    }
    if (place_has_content(&d->dest))
        place = place_look(b, o);
    if (!place.same)
        rc = local_search(b, o, &found);
    if (!rc && !found) {
        ask_for(b, o, place.empty);
        return 0;
    }
    if (!rc)
        readback_settle(b, o);
    object_searched(d, rc);
    return 0;
}

/* Whether there is no use in looking for the object any longer. */
static bool is_missing(const struct batch *b, const struct wire_object *o,
                       bool *empty_r)
{
    const struct target_disk *d = b->disk;
    struct place place = { false, true };

    if (d->error || !references_lack(d->references, o->digest, o->size))
        return false;
    if (place_has_content(&d->dest))
        place = place_look(b, o);
    *empty_r = place.empty;
    return !place.same;
}

/* Has these objects of a batch found, in their turn. */
static void find_later(struct batch *b, uint32_t first, uint32_t end)
{
    int rc = threadpool_add(b->disk->pool, find_object, b, first, end - first);

    for (; rc && first < end; first++)
        object_searched(b->disk, rc);
}

/* What is not in the index is asked for before what is there is copied, which
 * takes so much longer: the line may have nothing else to do. */
static int look_up(void *opaque, uint64_t number)
{
    struct batch *b = opaque;
    struct target_disk *d = b->disk;
    uint32_t i, first = 0;
    bool empty;

    (void)number;
    for (i = 0; i < b->count; i++) {
        if (!is_missing(b, &b->objects[i], &empty))
            continue;
        find_later(b, first, i);
        first = i + 1;
        ask_for(b, &b->objects[i], empty);
    }
    find_later(b, first, i);
    pthread_mutex_lock(&d->lock);
    if (d->error != -ECANCELED) {
        disk_fail(d, want_flush_locked(d));
        disk_fail(d, recipe_flush(d));
    }
    pthread_mutex_unlock(&d->lock);
    object_searched(d, 0);
    return 0;
}

/* The manifest */

/* Makes what is needed from the first batch on, or without any. */
static int begin(struct target_disk *d)
{
    int rc = place_begin(d);

    return rc ? rc : want_begin(d);
}

/* With the lock held: counts what enters, and the manifest itself before it. */
static void enter_search(struct target_disk *d, uint64_t count)
{
    want_enter(d, WANT_SEARCHED, d->listing ? count : count + 1);
}

int bulk_take_manifest(struct target_disk *d, const struct frame *f)
{
    struct batch *b;
    int rc;

    /* The comparison ends first: its digests must not change any more. */
    if (d->comparing || d->listed)
        return -EPROTO;
    rc = objects_take(d, f, &b);
    if (!rc)
        rc = begin(d);
    if (!rc)
        rc = recipe_begin(d);
    if (!rc)
        rc = readback_expect(d, b);
    if (rc)
        return rc;
    pthread_mutex_lock(&d->lock);
    /* The looking up counts as one more. */
    enter_search(d, (uint64_t)b->count + 1);
    pthread_mutex_unlock(&d->lock);
    d->listing = true;
    return threadpool_add_first(d->pool, look_up, b, 0, 1);
}

int bulk_take_manifest_end(struct target_disk *d, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    int rc;

    if (d->comparing || d->listed || cursor_u64(&c) != objects_count(d) ||
        c.bad)
        return -EPROTO;
    d->listed = true;
    index_disk_begin(d);
    rc = begin(d);
    if (rc)
        return rc;
    readback_begin(d);
    pthread_mutex_lock(&d->lock);
    enter_search(d, 0);
    pthread_mutex_unlock(&d->lock);
    object_searched(d, 0);
    return 0;
}

/* Literals */

/* Turns to the place where the record's bytes go. */
static int seek_object(struct target_disk *d, uint64_t number)
{
    struct bulk_position *p = d->position;
    const struct wire_object *o;

    if (!p)
        p = d->position = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    if (p->batch && p->number == number) {
        o = &p->batch->objects[number - p->batch->first];
        if (p->extent < o->n_extents)
            return 0;
    }
    *p = (struct bulk_position){ .number = number };
    return objects_find(d, number, &p->batch) ? 0 : -EPROTO;
}

static int write_record(struct target_disk *d, const uint8_t *p, size_t left)
{
    struct bulk_position *at = d->position;
    const struct batch *b = at->batch;
    struct wire_object *o = &b->objects[at->number - b->first];
    const struct fsparse_extent *e;
    size_t n;
    int rc = 0;

    while (left > 0 && !rc) {
        if (at->extent == o->n_extents)
            return -EPROTO;
        e = &b->extents[o->first_extent + at->extent];
        n = e->length - at->done;
        if (n > left)
            n = left;
        rc = place_write(d, p, n, e->physical + at->done);
        p += n;
        left -= n;
        at->done += n;
        at->total += n;
        if (at->done == e->length) {
            at->extent++;
            at->done = 0;
        }
    }
    if (!rc && at->extent == o->n_extents)
        readback_settle(b, o);
    return rc;
}

int bulk_take_data(struct target_disk *d, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    const uint8_t *data;
    uint64_t number;
    uint32_t length;
    int rc = d->dry ? -EPROTO : 0;

    while (!rc && cursor_left(&c) > 0) {
        number = cursor_u64(&c);
        length = cursor_u32(&c);
        data = cursor_get(&c, length);
        if (!data)
            return -EPROTO;
        rc = seek_object(d, number & ~PROTO_CODE);
        if (!rc && number & PROTO_CODE)
            x86_bcj_to_distances(f->data + (data - f->data), length,
                                 d->position->total);
        if (!rc)
            rc = write_record(d, data, length);
        references_arrived(d->references, length);
    }
    return rc;
}

/* What no object covers was zero at the source. */

/* Zeros a range, except where the segment is right as it is. */
static int zero_range(struct target_disk *d, uint64_t offset, uint64_t end)
{
    uint64_t n, stop;
    int rc = 0;

    for (; offset < end && !rc; offset = stop) {
        n = offset / PROTO_SEGMENT;
        stop = (n + 1) * PROTO_SEGMENT < end ? (n + 1) * PROTO_SEGMENT : end;
        if (!d->touched[n] && segments_agree(d, n))
            continue;
        rc = destination_zero(&d->dest, offset, stop - offset);
        d->touched[n] = 1;
    }
    return rc;
}

static int zero_rest(struct target_disk *d)
{
    struct fsparse_extent *all;
    uint64_t n, i, covered = 0;
    int rc = 0;

    all = objects_extents(d, &n);
    if (!all)
        return -ENOMEM;
    for (i = 0; i < n && !rc; i++) {
        if (all[i].physical > covered)
            rc = zero_range(d, covered, all[i].physical);
        if (all[i].physical + all[i].length > covered)
            covered = all[i].physical + all[i].length;
    }
    if (!rc)
        rc = zero_range(d, covered, d->size);
    free(all);
    return rc;
}

/* The objects stay: what the disk was made of is entered into the index. */
static void release_work(struct target_disk *d)
{
    readback_free(d);
    free(d->position);
    d->position = NULL;
    want_release(d);
    place_release(d);
    recipe_release(d);
    blocklist_release(d);
}

/* What is to be read back is read from the storage.  The rest need not be
 * dropped, as that takes a while; but so does every call. */
static void drop_unknown(struct target_disk *d)
{
    uint64_t first, end, n;

    for (first = 0; first < d->n_segments; first = end) {
        end = first + 1;
        if (digest_table_knows(d->own, first))
            continue;
        for (n = end; n < d->n_segments && n < end + DROP_GAP; n++)
            if (!digest_table_knows(d->own, n))
                end = n + 1;
        destination_drop(&d->dest, first * PROTO_SEGMENT,
                         (end - first) * PROTO_SEGMENT);
    }
}

int bulk_take_data_end(struct target_disk *d)
{
    bool ended = d->listed && want_is_complete(d);
    uint64_t i;
    int rc = d->error;

    if (rc || !ended)
        return rc ? rc : -EPROTO;
    d->bulk_done = d->dry;
    if (d->dry)
        return wire_send(d->wire, FRAME_BULK_DONE, d->number, NULL, 0);
    rc = readback_end(d);
    if (!rc && place_has_content(&d->dest))
        rc = zero_rest(d);
    if (!rc)
        rc = destination_sync(&d->dest);
    if (rc)
        return rc;
    for (i = 0; i < d->n_segments; i++)
        if (d->touched[i])
            digest_table_forget(d->own, i);
    rc = segments_note_own_holes(d);
    if (rc)
        return rc;
    drop_unknown(d);
    release_work(d);
    d->bulk_done = true;
    return wire_send(d->wire, FRAME_BULK_DONE, d->number, NULL, 0);
}

void bulk_release(struct target_disk *d)
{
    release_work(d);
    objects_release(d);
}
