/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Blocks that were written at the source; see delta.h.
 *
 * A segment that was verified by its digest, and changed by DELTAs that were
 * each read back from the storage and found right, is as good as one whose
 * digest was compared again: what was not written since is what it was.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/budget.h"
#include "plugin/target/delta.h"
#include "plugin/target/destination_storage.h"
#include "plugin/target/destination_write.h"
#include "plugin/target/digest_table.h"
#include "plugin/target/segments.h"

#define READ_BYTES (256u << 10)

static const char purpose[] = "blocks that were written at the source";

/* A record of a DELTA. */
struct range {
    uint64_t offset;                /* in the disk, bytes */
    uint32_t length;
    bool zero;
    const uint8_t *data;            /* while its frame is there; NULL: zeros */
};

/* One DELTA of the round: its ranges are ranges[first ... end). */
struct delta {
    uint8_t digest[HASH_BYTES];
    uint32_t first, end;
};

/* The DELTAs since the last PASS_END. */
struct delta_round {
    struct budget *budget;
    struct delta *deltas;
    size_t n_deltas, deltas_room;
    struct range *ranges;
    size_t n_ranges, room;
    uint64_t bytes;
};

static uint64_t first_segment(const struct range *r)
{
    return r->offset / PROTO_SEGMENT;
}

static uint64_t last_segment(const struct range *r)
{
    return (r->offset + r->length - 1) / PROTO_SEGMENT;
}

static int add_range(struct delta_round *a, const struct range *r)
{
    struct range *list;
    size_t room = a->room ? 2 * a->room : 64;
    int rc;

    if (a->n_ranges >= PROTO_ROUND_RECORDS ||
        a->bytes + r->length > PROTO_ROUND_BYTES)
        return -EPROTO;
    if (a->n_ranges == a->room) {
        rc = budget_take(a->budget, (room - a->room) * sizeof(*list), purpose);
        if (rc)
            return rc;
        list = reallocarray(a->ranges, room, sizeof(*list));
        if (!list) {
            budget_give(a->budget, (room - a->room) * sizeof(*list));
            return -ENOMEM;
        }
        a->ranges = list;
        a->room = room;
    }
    a->ranges[a->n_ranges++] = *r;
    a->bytes += r->length;
    return 0;
}

static int take_record(struct target_disk *d, struct cursor *c)
{
    struct range r = { .offset = cursor_u64(c) };
    uint64_t n;

    r.length = cursor_u32(c);
    r.zero = r.length & PROTO_ZERO;
    r.length &= ~PROTO_ZERO;
    if (c->bad || r.length == 0 || r.offset > d->size ||
        r.length > d->size - r.offset)
        return -EPROTO;
    if (!r.zero && !(r.data = cursor_get(c, r.length)))
        return -EPROTO;
    for (n = first_segment(&r); n <= last_segment(&r); n++)
        if (!segments_verified(d, n))
            return -EPROTO;
    return add_range(d->round, &r);
}

static void hash_header(struct digest *state, const struct range *r)
{
    digest_record(state, r->offset, r->length | (r->zero ? PROTO_ZERO : 0));
}

/* Whether what came is what was sent, and for where it was sent. */
static bool arrived_well(const struct delta_round *a, const struct delta *delta)
{
    struct digest state;
    uint8_t digest[HASH_BYTES];
    const struct range *r;
    uint32_t i;

    digest_init(&state);
    for (i = delta->first; i < delta->end; i++) {
        r = &a->ranges[i];
        hash_header(&state, r);
        if (r->zero)
            digest_zeros(&state, r->length);
        else
            digest_update(&state, r->data, r->length);
    }
    digest_final(&state, digest);
    return !memcmp(digest, delta->digest, HASH_BYTES);
}

static int write_range(struct target_disk *d, struct range *r)
{
    uint64_t n;
    int rc;

    rc = r->zero ? destination_zero(&d->dest, r->offset, r->length) :
        destination_write(&d->dest, r->data, r->length, r->offset);
    r->data = NULL;             /* of a frame that goes */
    for (n = first_segment(r); n <= last_segment(r); n++) {
        digest_table_forget(d->own, n);
        digest_table_forget(d->expected, n);
        d->flags[n] |= SEGMENT_DERIVED;
    }
    d->unsynced = true;
    return rc;
}

static int keep_delta(struct delta_round *a, const struct delta *delta)
{
    size_t room = a->deltas_room ? 2 * a->deltas_room : 64;
    struct delta *list;
    int rc;

    if (a->n_deltas == a->deltas_room) {
        rc = budget_take(a->budget, (room - a->deltas_room) * sizeof(*list),
                         purpose);
        if (rc)
            return rc;
        list = reallocarray(a->deltas, room, sizeof(*list));
        if (!list) {
            budget_give(a->budget, (room - a->deltas_room) * sizeof(*list));
            return -ENOMEM;
        }
        a->deltas = list;
        a->deltas_room = room;
    }
    a->deltas[a->n_deltas++] = *delta;
    return 0;
}

int delta_take(struct target_disk *d, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    const uint8_t *digest = cursor_get(&c, HASH_BYTES);
    struct delta delta;
    uint32_t i;
    int rc = digest ? 0 : -EPROTO;

    if (!d->round)
        d->round = calloc(1, sizeof(*d->round));
    if (!d->round)
        return -ENOMEM;
    d->round->budget = d->budget;
    delta.first = d->round->n_ranges;
    while (!rc && cursor_left(&c) > 0)
        rc = take_record(d, &c);
    if (rc || d->round->n_ranges == delta.first)
        return rc ? rc : -EPROTO;
    memcpy(delta.digest, digest, HASH_BYTES);
    delta.end = d->round->n_ranges;
    if (!arrived_well(d->round, &delta))
        return -EBADMSG;
    rc = keep_delta(d->round, &delta);
    for (i = delta.first; i < delta.end && !rc; i++)
        rc = write_range(d, &d->round->ranges[i]);
    return rc;
}

/* Reading back */

static int hash_back(struct target_disk *d, const struct range *r,
                     struct digest *state, uint8_t *buffer)
{
    uint64_t offset = r->offset, end = r->offset + r->length;
    size_t n;
    int rc = 0;

    hash_header(state, r);
    destination_drop(&d->dest, r->offset, r->length);
    for (; offset < end && !rc; offset += n) {
        n = end - offset < READ_BYTES ? end - offset : READ_BYTES;
        rc = image_read(&d->dest.storage, buffer, n, offset);
        if (!rc)
            digest_update(state, buffer, n);
    }
    return rc;
}

/* Names the segments of a DELTA that is not what the storage holds. */
static int give_up(struct target_disk *d, const struct delta *delta)
{
    const struct range *r;
    uint64_t n;
    uint32_t i;
    int rc = 0;

    for (i = delta->first; i < delta->end; i++) {
        r = &d->round->ranges[i];
        for (n = first_segment(r); n <= last_segment(r) && !rc; n++) {
            d->flags[n] &= ~SEGMENT_DERIVED;
            rc = segments_name_whole(d, n);
        }
    }
    return rc;
}

static int verify(struct target_disk *d, const struct delta *delta,
                  uint8_t *buffer)
{
    struct digest state;
    uint8_t digest[HASH_BYTES];
    uint32_t i;
    int rc = 0;

    digest_init(&state);
    for (i = delta->first; i < delta->end && !rc; i++)
        rc = hash_back(d, &d->round->ranges[i], &state, buffer);
    if (rc)
        return rc;
    digest_final(&state, digest);
    return memcmp(digest, delta->digest, HASH_BYTES) ? give_up(d, delta) : 0;
}

bool delta_is_pending(const struct target_disk *d)
{
    return d->round && d->round->n_deltas > 0;
}

int delta_verify(struct target_disk *d)
{
    struct delta_round *a = d->round;
    uint8_t *buffer;
    size_t i;
    int rc = 0;

    if (!delta_is_pending(d))
        return 0;
    buffer = aligned_alloc(4096, READ_BYTES);
    if (!buffer)
        return -ENOMEM;
    for (i = 0; i < a->n_deltas && !rc; i++)
        rc = verify(d, &a->deltas[i], buffer);
    free(buffer);
    a->n_deltas = a->n_ranges = a->bytes = 0;
    return rc;
}

void delta_release(struct target_disk *d)
{
    if (!d->round)
        return;
    budget_give(d->budget, d->round->room * sizeof(*d->round->ranges) +
                d->round->deltas_room * sizeof(*d->round->deltas));
    free(d->round->deltas);
    free(d->round->ranges);
    free(d->round);
    d->round = NULL;
}
