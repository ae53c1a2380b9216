/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rebuilding a disk from objects.
 *
 * For every object that the source lists, a thread looks for its content in
 * the references, unless what an earlier try or copy left ("base") has it in
 * place already: segments compared before the manifest tell.  Content is
 * hashed while it is copied; if it is not what the digest says, the object is
 * asked for.  Objects that are asked
 * for arrive as DATA and are written by the engine thread; they never meet a
 * thread that still works on the same object.
 *
 * Nothing here makes the disk right: that is what the check passes are for.
 * This only makes it nearly right at little cost.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/log.h"
#include "plugin/match/x86_bcj.h"
#include "plugin/target/disk.h"
#include "plugin/target/index_disk.h"
#include "plugin/target/local_search.h"
#include "plugin/target/readback.h"
#include "plugin/target/witness.h"

#define WANTS_AT_ONCE 256
#define DROP_GAP 16             /* segments that are dropped as well, rather
                                   than with another call */

/* Asking */

static int flush_numbers(struct target_disk *d, uint16_t type,
                         const uint64_t *numbers, size_t *n)
{
    struct buf b = BUF_INIT;
    uint64_t previous = 0;
    size_t i;
    int rc;

    if (*n == 0)
        return 0;
    buf_put_u32(&b, *n);
    for (i = 0; i < *n; i++) {
        buf_put_zigzag(&b, (int64_t)(numbers[i] - previous));
        previous = numbers[i];
    }
    *n = 0;
    rc = wire_send_buf(d->wire, type, d->number, &b);
    buf_release(&b);
    return rc;
}

/* Called with the lock held, so that WANT_END comes last. */
static int flush_wants(struct target_disk *d)
{
    int rc = flush_numbers(d, FRAME_LEFT, d->lefts, &d->n_lefts);

    return rc ? rc : flush_numbers(d, FRAME_WANT, d->wants, &d->n_wants);
}

static int add_number(struct target_disk *d, uint64_t **list, size_t *n,
                      uint64_t number)
{
    int rc = 0;

    pthread_mutex_lock(&d->lock);
    if (!*list)
        *list = calloc(WANTS_AT_ONCE, sizeof(**list));
    if (!*list) {
        rc = -ENOMEM;
    } else {
        (*list)[(*n)++] = number;
        if (*n == WANTS_AT_ONCE)
            rc = flush_wants(d);
    }
    pthread_mutex_unlock(&d->lock);
    return rc;
}

int rebuild_want(struct target_disk *d, uint64_t number)
{
    return add_number(d, &d->wants, &d->n_wants, number);
}

/* Notes that the digests of these segments are old. */
void rebuild_touch(struct target_disk *d, uint64_t offset, uint64_t length)
{
    uint64_t n = offset / PROTO_SEGMENT;
    uint64_t last = length ? (offset + length - 1) / PROTO_SEGMENT : n;

    for (; n <= last; n++)
        atomic_store_explicit(&d->touched[n], 1, memory_order_relaxed);
}

int rebuild_left(struct target_disk *d, const struct batch *b,
                 const struct wire_object *o)
{
    const struct fsparse_extent *e = b->extents + o->first_extent;
    uint32_t i;

    for (i = 0; i < o->n_extents; i++)
        rebuild_touch(d, e[i].physical, e[i].length);
    return add_number(d, &d->lefts, &d->n_lefts,
                      b->first + (uint64_t)(o - b->objects));
}

int rebuild_flush_wants(struct target_disk *d)
{
    int rc;

    pthread_mutex_lock(&d->lock);
    rc = flush_wants(d);
    pthread_mutex_unlock(&d->lock);
    return rc;
}

static void note_error(struct target_disk *d, int rc)
{
    if (rc && !d->error)
        d->error = rc;
}

/* The last one tells the source.  If something failed it is told as well: what
 * it sends then meets the error. */
static void finish_locked(struct target_disk *d, int rc)
{
    note_error(d, rc);
    if (--d->pending > 0 || d->error == -ECANCELED)
        return;
    rc = flush_wants(d);
    note_error(d, rc ? rc : wire_send(d->wire, FRAME_WANT_END, d->number,
                                      NULL, 0));
}

void rebuild_finish(struct target_disk *d, int rc)
{
    pthread_mutex_lock(&d->lock);
    finish_locked(d, rc);
    pthread_mutex_unlock(&d->lock);
}

/* Ends the search for an object, or the manifest.  Unless goes_on, it is
 * finished as well. */
static void finish_search(struct target_disk *d, int rc, bool goes_on)
{
    pthread_mutex_lock(&d->lock);
    note_error(d, rc);
    if (--d->searching == 0 && d->error != -ECANCELED) {
        note_error(d, flush_wants(d));
        note_error(d, versions_flush(d));
        note_error(d, scatter_begin(d));
    }
    if (!goes_on)
        finish_locked(d, 0);
    pthread_mutex_unlock(&d->lock);
}

/* Copying */

/* Writes, and notes that the digests of these segments are old; at the end
 * once more, for who may have read them meanwhile (readback.h). */
static int put(struct target_disk *d, const void *data, size_t length,
               uint64_t offset, bool arrived)
{
    int rc;

    rebuild_touch(d, offset, length);
    rc = arrived ? destination_fill(&d->dest, data, length, offset) :
        destination_coalesce(&d->dest, data, length, offset);
    rebuild_touch(d, offset, length);
    return rc;
}

void rebuild_copy_begin(struct copy *c, const struct batch *b,
                        const struct wire_object *o)
{
    c->disk = b->disk;
    c->object = o;
    c->extents = b->extents + o->first_extent;
    c->next = 0;
    digest_init(&c->state);
}

bool rebuild_copy_is(struct copy *c,
                     const uint8_t digest[PROTO_SHORT_DIGEST])
{
    uint8_t hash[HASH_BYTES];

    digest_final(&c->state, hash);
    return !memcmp(hash, digest, PROTO_SHORT_DIGEST);
}

/* Takes content in order: hashes it and writes what extents cover. */
int rebuild_copy(void *opaque, const void *data, size_t length,
                 uint64_t logical)
{
    struct copy *c = opaque;
    uint64_t end = logical + length, from, to;
    const struct fsparse_extent *e;
    int rc = 0;

    digest_update(&c->state, data, length);
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

/* Whether the destination itself may hold something useful already. */
static bool has_content(const struct destination *dest)
{
    return dest->block ? !dest->blank : dest->resumed;
}

/* Base */

int rebuild_compared(struct target_disk *d)
{
    if (!d->comparing || d->n_objects > 0)
        return -EPROTO;
    d->comparing = false;
    /* Its digests are known now, as those of any other. */
    d->dest.blank = false;
    return d->doubtful ? witness_tell_unlike(d) : 0;
}

struct place {
    bool same;                  /* all of it lies in segments that are right */
    bool empty;                 /* nothing is there yet */
};

/* What is where the object belongs, as the comparison before the manifest
 * found it.  Those digests stand still while objects are looked for. */
static struct place look_at_place(const struct batch *b,
                                  const struct wire_object *o)
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
            const struct segment_digest *own = &d->own[n];

            if (!own->known || !own->zero)
                place.empty = false;
            if (!own->known || !d->expected[n].known ||
                !segment_equal(own, &d->expected[n]))
                place.same = false;
        }
    }
    return place;
}

bool rebuild_place_is_empty(const struct batch *b,
                            const struct wire_object *o)
{
    return !has_content(&b->disk->dest) || look_at_place(b, o).empty;
}

/* The object is nowhere here. */
static void ask_for(const struct batch *b, struct wire_object *o, bool empty)
{
    struct target_disk *d = b->disk;
    uint64_t number = b->first + (uint64_t)(o - b->objects);
    bool goes_on = false;
    int rc = 0;

    /* Over something old, the check passes send what differs, block by
     * block, which is never more than the whole object. */
    if (versions_help(d, o)) {
        rc = versions_ask(d, number);
        goes_on = rc == 0;
    } else if (empty && scatter_ask(d, o, number))
        goes_on = true;
    else if (empty)
        rc = rebuild_want(d, number);
    else if (d->dry)
        rc = rebuild_left(d, b, o);
    finish_search(d, rc, goes_on);
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
        finish_search(d, 0, false);
        return 0;
    }
    if (has_content(&d->dest))
        place = look_at_place(b, o);
    if (!place.same)
        rc = local_search(b, o, &found);
    if (!rc && !found) {
        ask_for(b, o, place.empty);
        return 0;
    }
    if (!rc)
        readback_settle(b, o);
    finish_search(d, rc, false);
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
    if (has_content(&d->dest))
        place = look_at_place(b, o);
    *empty_r = place.empty;
    return !place.same;
}

/* Has these objects of a batch found, in their turn. */
static void find_later(struct batch *b, uint32_t first, uint32_t end)
{
    int rc = threadpool_add(b->disk->pool, find_object, b, first, end - first);

    for (; rc && first < end; first++)
        finish_search(b->disk, rc, false);
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
        note_error(d, flush_wants(d));
        note_error(d, versions_flush(d));
    }
    pthread_mutex_unlock(&d->lock);
    finish_search(d, 0, false);
    return 0;
}

/* The manifest */

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
    uint32_t i;

    if (!b)
        return;
    for (i = 0; b->objects && i < b->count; i++)
        version_free(b->objects[i].version);
    free(b->objects);
    free(b->extents);
    free(b);
}

static int keep_batch(struct target_disk *d, struct batch *b)
{
    struct batch **list;

    list = realloc(d->batches, (d->n_batches + 1) * sizeof(*list));
    if (!list)
        return -ENOMEM;
    d->batches = list;
    list[d->n_batches++] = b;
    return 0;
}

static int take_batch(struct target_disk *d, const struct frame *f,
                      struct batch *b)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    uint64_t physical = 0;
    uint32_t i, n_extents = 0, room;
    int rc = 0;

    b->disk = d;
    b->first = cursor_u64(&c);
    b->count = cursor_u32(&c);
    /* An object takes at least 21 bytes, an extent at least 3: the peer can
     * make us allocate only a small multiple of what it sent. */
    if (c.bad || b->first != d->n_objects || b->count == 0 ||
        b->count > cursor_left(&c) / 21 ||
        d->n_objects + b->count > PROTO_OBJECTS_MAX)
        return -EPROTO;
    room = cursor_left(&c) / 3;
    b->objects = calloc(b->count, sizeof(*b->objects));
    b->extents = calloc(room, sizeof(*b->extents));
    if (!b->objects || !b->extents)
        return -ENOMEM;
    for (i = 0; i < b->count && !rc; i++)
        rc = take_object(d, b, &b->objects[i], &c, &physical, &n_extents,
                         room);
    if (!rc && (c.bad || cursor_left(&c) > 0))
        rc = -EPROTO;
    d->n_extents += n_extents;
    if (!rc && d->n_extents > PROTO_EXTENTS_MAX)
        rc = -EPROTO;
    if (!rc) {
        /* Shrinking cannot fail in a way that matters. */
        struct fsparse_extent *e = realloc(b->extents,
                                           n_extents * sizeof(*e));

        if (e)
            b->extents = e;
    }
    return rc;
}

int rebuild_manifest(struct target_disk *d, const struct frame *f)
{
    struct batch *b;
    int rc;

    /* The comparison ends first: its digests must not change any more. */
    if (d->comparing || d->listed)
        return -EPROTO;
    b = calloc(1, sizeof(*b));
    rc = b ? take_batch(d, f, b) : -ENOMEM;
    if (!d->touched)
        d->touched = calloc(d->n_segments + 1, sizeof(*d->touched));
    if (!d->touched)
        rc = -ENOMEM;
    if (!rc)
        rc = readback_expect(d, b);
    if (!rc)
        rc = keep_batch(d, b);
    if (rc) {
        batch_free(b);
        return rc;
    }
    d->n_objects += b->count;
    pthread_mutex_lock(&d->lock);
    if (!d->listing)
        d->pending = d->searching = 1;      /* the manifest itself */
    d->listing = true;
    /* The looking up counts as one more. */
    d->pending += b->count + 1;
    d->searching += b->count + 1;
    pthread_mutex_unlock(&d->lock);
    return threadpool_add_first(d->pool, look_up, b, 0, 1);
}

int rebuild_manifest_end(struct target_disk *d, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);

    if (d->comparing || d->listed || cursor_u64(&c) != d->n_objects || c.bad)
        return -EPROTO;
    d->listed = true;
    index_disk_begin(d);
    if (!d->touched)
        d->touched = calloc(d->n_segments + 1, sizeof(*d->touched));
    if (!d->touched)
        return -ENOMEM;
    readback_begin(d);
    pthread_mutex_lock(&d->lock);
    if (!d->listing)
        d->pending = d->searching = 1;
    pthread_mutex_unlock(&d->lock);
    finish_search(d, 0, false);
    return 0;
}

static const struct batch *batch_of(const struct target_disk *d,
                                    uint64_t number)
{
    size_t low = 0, high = d->n_batches, middle;

    while (low < high) {
        middle = low + (high - low) / 2;
        if (number < d->batches[middle]->first)
            high = middle;
        else if (number >= d->batches[middle]->first +
                           d->batches[middle]->count)
            low = middle + 1;
        else
            return d->batches[middle];
    }
    return NULL;
}

struct wire_object *rebuild_object(const struct target_disk *d,
                                   uint64_t number,
                                   const struct batch **b_r)
{
    *b_r = batch_of(d, number);
    return *b_r ? &(*b_r)->objects[number - (*b_r)->first] : NULL;
}

/* Literals */

/* Turns to the place where the record's bytes go. */
static int seek_object(struct target_disk *d, uint64_t number)
{
    const struct wire_object *o;

    if (d->position.batch && d->position.number == number) {
        o = &d->position.batch->objects[number - d->position.batch->first];
        if (d->position.extent < o->n_extents)
            return 0;
    }
    d->position.batch = batch_of(d, number);
    d->position.number = number;
    d->position.extent = 0;
    d->position.done = 0;
    d->position.total = 0;
    return d->position.batch ? 0 : -EPROTO;
}

static int write_record(struct target_disk *d, const uint8_t *p, size_t left)
{
    const struct batch *b = d->position.batch;
    struct wire_object *o = &b->objects[d->position.number - b->first];
    const struct fsparse_extent *e;
    size_t n;
    int rc = 0;

    while (left > 0 && !rc) {
        if (d->position.extent == o->n_extents)
            return -EPROTO;
        e = &b->extents[o->first_extent + d->position.extent];
        n = e->length - d->position.done;
        if (n > left)
            n = left;
        rc = put(d, p, n, e->physical + d->position.done, true);
        p += n;
        left -= n;
        d->position.done += n;
        d->position.total += n;
        if (d->position.done == e->length) {
            d->position.extent++;
            d->position.done = 0;
        }
    }
    if (!rc && d->position.extent == o->n_extents)
        readback_settle(b, o);
    return rc;
}

int rebuild_data(struct target_disk *d, const struct frame *f)
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
                                 d->position.total);
        if (!rc)
            rc = write_record(d, data, length);
        references_arrived(d->references, length);
    }
    return rc;
}

/* What no object covers was zero at the source. */

static int compare_physical(const void *a, const void *b)
{
    const struct fsparse_extent *x = a, *y = b;

    return (x->physical > y->physical) - (x->physical < y->physical);
}

static struct fsparse_extent *all_extents(const struct target_disk *d,
                                          uint64_t *n_r)
{
    struct fsparse_extent *all = calloc(d->n_extents + 1, sizeof(*all));
    const struct wire_object *last;
    uint64_t n = 0;
    uint32_t count;
    size_t i;

    for (i = 0; all && i < d->n_batches; i++) {
        last = &d->batches[i]->objects[d->batches[i]->count - 1];
        count = last->first_extent + last->n_extents;
        memcpy(all + n, d->batches[i]->extents, count * sizeof(*all));
        n += count;
    }
    *n_r = n;
    return all;
}

/* Zeros a range, except where the segment is right as it is. */
static int zero_range(struct target_disk *d, uint64_t offset, uint64_t end)
{
    uint64_t n, stop;
    int rc = 0;

    for (; offset < end && !rc; offset = stop) {
        n = offset / PROTO_SEGMENT;
        stop = (n + 1) * PROTO_SEGMENT < end ? (n + 1) * PROTO_SEGMENT : end;
        if (d->own[n].known && d->expected[n].known && !d->touched[n] &&
            segment_equal(&d->own[n], &d->expected[n]))
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

    all = all_extents(d, &n);
    if (!all)
        return -ENOMEM;
    qsort(all, n, sizeof(*all), compare_physical);
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

/* The batches stay: what the disk was made of is entered into the index. */
static void release_work(struct target_disk *d)
{
    readback_free(d);
    memset(&d->position, 0, sizeof(d->position));
    free(d->wants);
    d->wants = NULL;
    free(d->lefts);
    d->lefts = NULL;
    free(d->touched);
    d->touched = NULL;
    versions_release(d);
    scatter_release(d);
}

/* What is to be read back is read from the storage.  The rest need not be
 * dropped, as that takes a while; but so does every call. */
static void drop_unknown(struct target_disk *d)
{
    uint64_t first, end, n;

    segments_note_holes(&d->dest.storage, 0, d->n_segments, d->own);
    for (first = 0; first < d->n_segments; first = end) {
        end = first + 1;
        if (d->own[first].known)
            continue;
        for (n = end; n < d->n_segments && n < end + DROP_GAP; n++)
            if (!d->own[n].known)
                end = n + 1;
        destination_drop(&d->dest, first * PROTO_SEGMENT,
                         (end - first) * PROTO_SEGMENT);
    }
}

int rebuild_data_end(struct target_disk *d)
{
    bool ended;
    uint64_t i;
    int rc;

    pthread_mutex_lock(&d->lock);
    rc = d->error;
    ended = d->listed && d->pending == 0;
    pthread_mutex_unlock(&d->lock);
    if (rc || !ended)
        return rc ? rc : -EPROTO;
    d->bulk_done = d->dry;
    if (d->dry)
        return wire_send(d->wire, FRAME_BULK_DONE, d->number, NULL, 0);
    rc = readback_end(d);
    if (!rc && has_content(&d->dest))
        rc = zero_rest(d);
    if (!rc)
        rc = destination_sync(&d->dest);
    if (rc)
        return rc;
    for (i = 0; i < d->n_segments; i++)
        if (d->touched[i])
            d->own[i].known = false;
    drop_unknown(d);
    release_work(d);
    d->bulk_done = true;
    return wire_send(d->wire, FRAME_BULK_DONE, d->number, NULL, 0);
}

void rebuild_release(struct target_disk *d)
{
    size_t i;

    release_work(d);
    for (i = 0; i < d->n_batches; i++)
        batch_free(d->batches[i]);
    free(d->batches);
    d->batches = NULL;
    d->n_batches = 0;
    d->n_objects = 0;
    d->n_extents = 0;
}
