/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rebuilding a disk from objects.
 *
 * For every object that the source lists, a thread looks for its content:
 * in the references by digest, and where it belongs anyway in what an earlier
 * try or copy left ("base").  Content is hashed while it is copied; if it is
 * not what the digest says, the object is asked for.  Objects that are asked
 * for arrive as DATA and are written by the engine thread; they never meet a
 * thread that still works on the same object.
 *
 * Nothing here makes the disk right: that is what the check passes are for.
 * This only makes it nearly right at little cost.
 */
#include "config.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/log.h"
#include "plugin/target_disk.h"

#define WANTS_AT_ONCE 256
#define PIECE_BYTES (256u << 10)

static const uint8_t zeros[PIECE_BYTES];

/* Asking */

/* Called with the lock held, so that WANT_END comes last. */
static int flush_wants(struct target_disk *d)
{
    struct buf b = BUF_INIT;
    uint64_t previous = 0;
    size_t i;
    int rc;

    if (d->n_wants == 0)
        return 0;
    buf_put_u32(&b, d->n_wants);
    for (i = 0; i < d->n_wants; i++) {
        buf_put_zigzag(&b, (int64_t)(d->wants[i] - previous));
        previous = d->wants[i];
    }
    d->n_wants = 0;
    rc = wire_send_buf(d->wire, FRAME_WANT, d->number, &b);
    buf_release(&b);
    return rc;
}

static int want(struct target_disk *d, uint64_t number)
{
    int rc = 0;

    pthread_mutex_lock(&d->lock);
    if (!d->wants)
        d->wants = calloc(WANTS_AT_ONCE, sizeof(*d->wants));
    if (!d->wants) {
        rc = -ENOMEM;
    } else {
        d->wants[d->n_wants++] = number;
        if (d->n_wants == WANTS_AT_ONCE)
            rc = flush_wants(d);
    }
    pthread_mutex_unlock(&d->lock);
    return rc;
}

/* Ends a job, or the manifest.  The last one tells the source. */
static void finish_job(struct target_disk *d, int rc)
{
    pthread_mutex_lock(&d->lock);
    if (rc && !d->error)
        d->error = rc;
    if (--d->pending == 0 && !d->error) {
        rc = flush_wants(d);
        if (!rc)
            rc = wire_send(d->wire, FRAME_WANT_END, d->number, NULL, 0);
        d->error = rc;
    }
    pthread_mutex_unlock(&d->lock);
}

/* Copying */

struct copy {
    struct target_disk *disk;
    const struct wire_object *object;
    const struct fsparse_extent *extents;
    uint32_t next;              /* first extent that may still be touched */
    crypto_generichash_state state;
};

static void copy_begin(struct copy *c, const struct batch *b,
                       const struct wire_object *o)
{
    c->disk = b->disk;
    c->object = o;
    c->extents = b->extents + o->first_extent;
    c->next = 0;
    crypto_generichash_init(&c->state, NULL, 0, HASH_BYTES);
}

static bool copy_matches(struct copy *c)
{
    uint8_t hash[HASH_BYTES];

    crypto_generichash_final(&c->state, hash, HASH_BYTES);
    return !memcmp(hash, c->object->digest, PROTO_SHORT_DIGEST);
}

/* Takes content in order: hashes it and writes what extents cover. */
static int copy_sink(void *opaque, const void *data, size_t length,
                     uint64_t logical)
{
    struct copy *c = opaque;
    uint64_t end = logical + length, from, to;
    const struct fsparse_extent *e;
    int rc = 0;

    crypto_generichash_update(&c->state, data, length);
    while (!rc && c->next < c->object->n_extents) {
        e = &c->extents[c->next];
        if (e->logical >= end)
            break;
        from = e->logical > logical ? e->logical : logical;
        to = e->logical + e->length < end ? e->logical + e->length : end;
        if (from < to)
            rc = destination_write(&c->disk->dest,
                                   (const uint8_t *)data + (from - logical),
                                   to - from, e->physical + from - e->logical);
        if (e->logical + e->length > end)
            break;
        c->next++;
    }
    return rc;
}

/* 1: copied; 0: not found or not as expected; negative: writing failed. */
static int from_reference(const struct batch *b, const struct wire_object *o)
{
    const struct manifest *m;
    const struct object *found;
    struct copy c;
    int rc;

    found = references_find(b->disk->references, o->digest, o->size, &m);
    if (!found)
        return 0;
    copy_begin(&c, b, o);
    rc = object_read(m, found, copy_sink, &c);
    /* A reference that cannot be read is as good as none. */
    if (rc)
        return rc == -EIO ? 0 : rc;
    return copy_matches(&c);
}

static void hash_zeros(struct copy *c, uint64_t length)
{
    size_t n;

    for (; length > 0; length -= n) {
        n = length < sizeof(zeros) ? length : sizeof(zeros);
        crypto_generichash_update(&c->state, zeros, n);
    }
}

static int hash_extent(struct copy *c, const struct image *base,
                       const struct fsparse_extent *e, bool write)
{
    uint8_t *piece = malloc(PIECE_BYTES);
    uint64_t done;
    size_t n;
    int rc = piece ? 0 : -ENOMEM;

    for (done = 0; done < e->length && !rc; done += n) {
        n = e->length - done < PIECE_BYTES ? e->length - done : PIECE_BYTES;
        rc = image_read(base, piece, n, e->physical + done);
        if (rc)
            break;
        crypto_generichash_update(&c->state, piece, n);
        if (write)
            rc = destination_write(&c->disk->dest, piece, n,
                                   e->physical + done);
    }
    free(piece);
    return rc;
}

/* Whether an image holds the object where it belongs; copies it from there if
 * write is set.  Results as from_reference(). */
static int from_place(const struct batch *b, const struct wire_object *o,
                      const struct image *base, bool write)
{
    const struct fsparse_extent *e;
    uint64_t logical = 0;
    struct copy c;
    uint32_t i;
    int rc;

    copy_begin(&c, b, o);
    for (i = 0; i < o->n_extents; i++) {
        e = &c.extents[i];
        if (e->physical > base->size || e->length > base->size - e->physical)
            return 0;
        hash_zeros(&c, e->logical - logical);
        rc = hash_extent(&c, base, e, write);
        if (rc)
            return rc == -EIO ? 0 : rc;
        logical = e->logical + e->length;
    }
    hash_zeros(&c, o->size - logical);
    return copy_matches(&c);
}

/* Whether the destination itself may hold something useful already. */
static bool has_content(const struct destination *dest)
{
    return dest->block ? !dest->blank : dest->resumed;
}

static int find_object(void *opaque, uint64_t number)
{
    const struct batch *b = opaque;
    const struct wire_object *o = &b->objects[number];
    struct target_disk *d = b->disk;
    int rc = 0;

    if (d->error) {
        finish_job(d, 0);
        return 0;
    }
    if (has_content(&d->dest))
        rc = from_place(b, o, &d->dest.storage, false);
    if (rc == 0)
        rc = from_reference(b, o);
    if (rc == 0 && d->previous.fd >= 0)
        rc = from_place(b, o, &d->previous, true);
    if (rc == 0)
        rc = want(d, b->first + number);
    finish_job(d, rc < 0 ? rc : 0);
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

    if (!digest)
        return -EPROTO;
    memcpy(o->digest, digest, PROTO_SHORT_DIGEST);
    o->size = cursor_varint(c);
    n = cursor_varint(c);
    if (c->bad || n == 0 || n > room - *n_extents ||
        o->size > d->size + GAP_FILE_MAX)
        return -EPROTO;
    o->first_extent = *n_extents;
    o->n_extents = n;
    *n_extents += n;
    return take_extents(d, b, o, c, physical);
}

static void batch_free(struct batch *b)
{
    if (!b)
        return;
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
    struct batch *b = calloc(1, sizeof(*b));
    int rc = b ? take_batch(d, f, b) : -ENOMEM;

    if (!rc)
        rc = keep_batch(d, b);
    if (rc) {
        batch_free(b);
        return rc;
    }
    d->n_objects += b->count;
    pthread_mutex_lock(&d->lock);
    if (d->pending == 0)
        d->pending = 1;         /* the manifest itself */
    d->pending += b->count;
    pthread_mutex_unlock(&d->lock);
    return workers_add(d->pool, find_object, b, 0, b->count);
}

int rebuild_manifest_end(struct target_disk *d, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);

    if (cursor_u64(&c) != d->n_objects || c.bad)
        return -EPROTO;
    pthread_mutex_lock(&d->lock);
    if (d->pending == 0)
        d->pending = 1;
    pthread_mutex_unlock(&d->lock);
    finish_job(d, 0);
    return d->error;
}

/* Literals */

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
    return d->position.batch ? 0 : -EPROTO;
}

static int write_record(struct target_disk *d, const uint8_t *p, size_t left)
{
    const struct batch *b = d->position.batch;
    const struct wire_object *o = &b->objects[d->position.number - b->first];
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
        rc = destination_write(&d->dest, p, n,
                               e->physical + d->position.done);
        p += n;
        left -= n;
        d->position.done += n;
        if (d->position.done == e->length) {
            d->position.extent++;
            d->position.done = 0;
        }
    }
    return rc;
}

int rebuild_data(struct target_disk *d, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    const uint8_t *data;
    uint64_t number;
    uint32_t length;
    int rc = 0;

    while (!rc && cursor_left(&c) > 0) {
        number = cursor_u64(&c);
        length = cursor_u32(&c);
        data = cursor_get(&c, length);
        if (!data)
            return -EPROTO;
        rc = seek_object(d, number);
        if (!rc)
            rc = write_record(d, data, length);
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
            rc = destination_zero(&d->dest, covered,
                                  all[i].physical - covered);
        if (all[i].physical + all[i].length > covered)
            covered = all[i].physical + all[i].length;
    }
    if (!rc)
        rc = destination_zero(&d->dest, covered, d->size - covered);
    free(all);
    return rc;
}

int rebuild_data_end(struct target_disk *d)
{
    int rc = 0;

    if (d->pending > 0 || d->error)
        return d->error ? d->error : -EPROTO;
    if (has_content(&d->dest))
        rc = zero_rest(d);
    if (!rc)
        rc = destination_sync(&d->dest);
    if (rc)
        return rc;
    rebuild_release(d);
    d->bulk_done = true;
    return wire_send(d->wire, FRAME_BULK_DONE, d->number, NULL, 0);
}

void rebuild_release(struct target_disk *d)
{
    size_t i;

    for (i = 0; i < d->n_batches; i++)
        batch_free(d->batches[i]);
    free(d->batches);
    d->batches = NULL;
    d->n_batches = 0;
    d->n_objects = 0;
    d->n_extents = 0;
    memset(&d->position, 0, sizeof(d->position));
    free(d->wants);
    d->wants = NULL;
    image_release(&d->previous);
}
