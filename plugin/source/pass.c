/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Check passes, the source's part (docs/protocol.md, "Passes").
 *
 * What a pass establishes rests on two readings only: the source's segments
 * as read in this pass, or before it and not written to since (rounds.c), and
 * what the target reads from its storage.
 */
#include "config.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/log.h"
#include "plugin/base/zero.h"
#include "plugin/proto.h"
#include "plugin/source/disk.h"
#include "plugin/wire/listing.h"

/* Segments hashed before their digests go out. */
#define BATCH 256

static void put_digest_run(struct buf *b, const struct segment_digest *d,
                           uint64_t first, uint32_t count)
{
    uint32_t i;

    buf_put_u64(b, first);
    buf_put_u32(b, count);
    buf_put_u8(b, d[0].zero);
    for (i = 0; i < count && !d[0].zero; i++)
        buf_put(b, d[i].digest, HASH_BYTES);
}

/* Puts those of the batch that are not what was sent last, in runs of one
 * kind, and remembers them as sent. */
static void put_batch(struct buf *b, struct source_disk *d,
                      const struct segment_digest *now, uint64_t first,
                      uint32_t count)
{
    uint32_t i, start = 0, run = 0;

    for (i = 0; i <= count; i++) {
        bool news = i < count && !(d->sent[first + i].known &&
                                   segment_equal(&d->sent[first + i],
                                                 &now[i]));

        if (run && (!news || now[i].zero != now[start].zero)) {
            put_digest_run(b, now + start, first + start, run);
            run = 0;
        }
        if (!news)
            continue;
        if (!run)
            start = i;
        run++;
        if (d->sent[first + i].known)
            witness_doubt(d, first + i);
        d->sent[first + i] = now[i];
    }
}

static int answer_waiting(const struct session *s, struct source_disk *d,
                          bool compare);

/* What is known already of the batch's segments, and stands. */
static void take_prehash(const struct source_disk *d, uint64_t first,
                       uint32_t count, struct segment_digest *now)
{
    uint64_t n;

    for (n = first; n < first + count; n++)
        if (!d->tracker || !dirty_any(&d->dirty, n * PROTO_SEGMENT,
                                      segment_length(d->image.size, n)))
            prehash_digest(d->prehash, n, &now[n - first]);
}

/* compare: before the manifest, when the target has nothing to say. */
static int send_digests(const struct session *s, struct source_disk *d,
                        bool compare)
{
    struct segment_digest now[BATCH];
    struct buf b = BUF_INIT;
    uint64_t first;
    uint32_t count;
    int rc = 0;

    for (first = 0; first < d->n_segments && !rc; first += count) {
        d->cut_short = atomic_load(&s->hurry);
        if (d->cut_short)
            break;
        count = d->n_segments - first < BATCH ? d->n_segments - first : BATCH;
        memset(now, 0, sizeof(now));
        if (!compare)
            take_prehash(d, first, count, now);
        rc = segments_hash_noted(&d->image, s->pool, first, count, now,
                                 s->index, d->number);
        if (rc)
            break;
        buf_reset(&b);
        put_batch(&b, d, now, first, count);
        if (b.failed || b.length)
            rc = listing_send(d->listing, s->wire, FRAME_SEGMENTS,
                              d->number, &b);
        if (!rc)
            rc = answer_waiting(s, d, compare);
    }
    buf_release(&b);
    return rc;
}

/* Sending what differs */

/* Reads a segment for sending: what goes out and what its digest is of are
 * the same bytes, whatever the guest writes meanwhile. */
static int read_segment(const struct session *s, struct source_disk *d,
                        uint64_t number, uint8_t **data_r, size_t *length_r,
                        struct segment_digest *digest)
{
    uint8_t *data;
    int rc;

    if (number >= d->n_segments)
        return -EPROTO;
    *length_r = segment_length(d->image.size, number);
    data = aligned_alloc(4096, PROTO_SEGMENT);
    if (!data)
        return -ENOMEM;
    rc = image_read(&d->image, data, *length_r, number * PROTO_SEGMENT);
    if (rc) {
        free(data);
        return rc;
    }
    segment_digest_noted(data, *length_r, number, digest, s->index,
                         d->number);
    *data_r = data;
    return 0;
}

static void put_head(struct buf *b, uint64_t number,
                     const struct segment_digest *digest)
{
    static const uint8_t zero[HASH_BYTES];

    buf_put_u64(b, number);
    buf_put(b, digest->zero ? zero : digest->digest, HASH_BYTES);
}

static int send_segment(const struct session *s, struct source_disk *d,
                        uint64_t number)
{
    struct segment_digest digest;
    struct buf b = BUF_INIT;
    uint8_t *data;
    size_t length;
    int rc = read_segment(s, d, number, &data, &length, &digest);

    if (rc)
        return rc;
    put_head(&b, number, &digest);
    if (!digest.zero)
        buf_put(&b, data, length);
    rc = wire_send_buf(s->wire, FRAME_SEGMENT, d->number, &b);
    d->sent[number] = digest;
    d->round_segments++;
    d->round_bytes += length;
    buf_release(&b);
    free(data);
    return rc;
}

/* What the target holds of a segment: short hashes of its blocks. */
struct block_list {
    const uint8_t *key;         /* NULL: the segment is zero there */
    const uint8_t *hashes;
    const struct dirty *only;   /* if dry: blocks that count, */
    uint64_t start;             /* and where the segment is */
};

static bool block_differs(const struct block_list *list, const uint8_t *data,
                          size_t at, size_t n)
{
    uint8_t hash[crypto_shorthash_BYTES];

    if (list->only && !dirty_any(list->only, list->start + at, n))
        return false;
    if (!list->key)
        return !data_is_zero(data + at, n);
    crypto_shorthash(hash, data + at, n, list->key);
    return memcmp(hash, list->hashes + at / PROTO_BLOCK * sizeof(hash),
                  sizeof(hash)) != 0;
}

/* Puts the blocks that differ, neighbours of one kind as one record. */
static uint64_t put_records(struct buf *b, const struct block_list *list,
                            const uint8_t *data, size_t length)
{
    size_t at = 0, start, n;
    uint64_t bytes = 0;
    bool zero;

    while (at < length) {
        start = at;
        zero = false;
        for (; at < length; at += n) {
            n = length - at < PROTO_BLOCK ? length - at : PROTO_BLOCK;
            if (!block_differs(list, data, at, n))
                break;
            if (at == start)
                zero = data_is_zero(data + at, n);
            else if (zero != data_is_zero(data + at, n))
                break;
        }
        if (at == start) {
            at += PROTO_BLOCK;
            continue;
        }
        buf_put_u32(b, start);
        buf_put_u32(b, (at - start) | (zero ? PROTO_ZERO : 0));
        if (!zero)
            buf_put(b, data + start, at - start);
        bytes += at - start;
    }
    return bytes;
}

static int send_patch(const struct session *s, struct source_disk *d,
                      struct cursor *c)
{
    uint64_t number = cursor_u64(c);
    struct block_list list = { .only = d->dry ? &d->left_blocks : NULL,
                               .start = number * PROTO_SEGMENT };
    struct segment_digest digest;
    struct buf b = BUF_INIT;
    uint8_t *data;
    size_t length, blocks;
    int rc;

    rc = c->bad ? -EPROTO :
        read_segment(s, d, number, &data, &length, &digest);
    if (rc)
        return rc;
    if (cursor_left(c) > 0) {
        blocks = (length + PROTO_BLOCK - 1) / PROTO_BLOCK;
        list.key = cursor_get(c, crypto_shorthash_KEYBYTES);
        list.hashes = cursor_get(c, blocks * crypto_shorthash_BYTES);
        if (c->bad || cursor_left(c) > 0)
            rc = -EPROTO;
    }
    if (!rc) {
        put_head(&b, number, &digest);
        d->round_bytes += put_records(&b, &list, data, length);
        d->round_segments++;
        rc = b.failed ? -ENOMEM : d->dry ? reservoir_put(&d->patches, &b) :
            wire_send_buf(s->wire, FRAME_PATCH, d->number, &b);
        d->sent[number] = digest;
    }
    buf_release(&b);
    free(data);
    return rc;
}

/* Takes the name of a segment, and nothing else. */
static int doubt_named(struct source_disk *d, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    uint64_t number = cursor_u64(&c);

    if ((f->type != FRAME_DIFFER && f->type != FRAME_BLOCKS) || c.bad ||
        number >= d->n_segments)
        return -EPROTO;
    witness_doubt(d, number);
    d->round_segments++;        /* so that it ends */
    return 0;
}

/* Takes a frame of the target's.  1: the pass is done. */
static int take_answer(const struct session *s, struct source_disk *d,
                       const struct frame *f, uint64_t *left)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    uint64_t number;

    /* More than twice as many in a pass as there are: the target does not
     * end. */
    if (f->disk != d->number ||
        d->round_segments - d->pass_start > 2 * d->n_segments)
        return -EPROTO;
    /* Nothing goes to a device that may be our own. */
    if (d->doubt.open && !d->dry && f->type != FRAME_PASS_DONE)
        return doubt_named(d, f);
    switch (f->type) {
    case FRAME_DIFFER:
        number = cursor_u64(&c);
        return c.bad || d->dry ? -EPROTO : send_segment(s, d, number);
    case FRAME_BLOCKS:
        return send_patch(s, d, &c);
    case FRAME_PASS_DONE:
        *left = cursor_u64(&c);
        return c.bad || !left ? -EPROTO : 1;
    default:
        return -EPROTO;
    }
}

static void say_failure(const struct source_disk *d, int rc)
{
    if (rc == -EPROTO)
        log_error("disk %s: the answers to the check pass make no sense",
                  d->vdev);
}

/* Answers what is there while digests still go out, so that neither side's
 * queue fills while the other waits. */
static int answer_waiting(const struct session *s, struct source_disk *d,
                          bool compare)
{
    struct frame f;
    uint64_t left;
    int rc;

    for (;;) {
        rc = inbox_try(s->inbox, d->number, &f);
        if (rc)
            return rc == -EAGAIN ? 0 : rc;
        rc = compare ? -EPROTO : take_answer(s, d, &f, &left);
        frame_release(&f);
        if (rc) {
            rc = rc == 1 ? -EPROTO : rc;
            say_failure(d, rc);
            return rc;
        }
    }
}

static int prepare(struct source_disk *d)
{
    if (d->sent)
        return 0;
    d->n_segments = segment_count(d->image.size);
    d->sent = calloc(d->n_segments + 1, sizeof(*d->sent));
    return d->sent ? 0 : -ENOMEM;
}

int pass_compare(const struct session *s, struct source_disk *d)
{
    int rc = prepare(d);

    if (!rc)
        rc = send_digests(s, d, true);
    return rc ? rc :
        wire_send(s->wire, FRAME_COMPARED, d->number, NULL, 0);
}

int pass_rehearse(const struct session *s, struct source_disk *d)
{
    uint64_t left;
    int rc;

    d->round_bytes = 0;
    rc = pass_run(s, d, false, &left);
    d->report.different += d->round_bytes;
    d->report.identical -= d->round_bytes < d->report.identical ?
        d->round_bytes : d->report.identical;
    return rc;
}

int pass_once(const struct session *s, struct source_disk *d, bool full,
              uint64_t *left_r)
{
    struct frame f;
    char task[64];
    int rc = prepare(d);

    snprintf(task, sizeof(task), "verify disk %s", d->vdev);
    if (!rc && full)
        rc = send_digests(s, d, false);
    if (!rc)
        rc = listing_send_end(d->listing, s->wire, d->number);
    if (!rc)
        rc = wire_send(s->wire, FRAME_PASS_END, d->number, NULL, 0);
    while (!rc) {
        rc = inbox_await(s->inbox, d->number, task, &f);
        if (rc)
            return rc;
        rc = take_answer(s, d, &f, left_r);
        frame_release(&f);
        say_failure(d, rc);
    }
    return rc == 1 ? 0 : rc;
}

int pass_run(const struct session *s, struct source_disk *d, bool full,
             uint64_t *left_r)
{
    int rc = pass_once(s, d, full, left_r);

    return rc || d->dry ? rc : witness_pass(s, d, left_r);
}
