/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Check passes, the source's part; see pass.h. */
#include "config.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/block_run.h"
#include "plugin/base/log.h"
#include "plugin/base/zero.h"
#include "plugin/proto.h"
#include "plugin/source/doubt.h"
#include "plugin/source/output.h"
#include "plugin/source/pass.h"
#include "plugin/source/prehash.h"
#include "plugin/wire/listing.h"

/* Segments hashed before their digests go out. */
#define BATCH 256

struct pass {
    const struct session *session;
    struct source_disk *disk;
    bool compare;               /* it comes before the manifest, when the
                                   target has nothing to say */
    bool cut_short;
    uint64_t answered;          /* segments that the target has named, and that
                                   were sent, or noted as in doubt */
    bool done;                  /* the target has said so, and: */
    uint64_t left;              /* segments that it has not verified */
};

/* Sending digests */

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

struct batch {
    const struct segment_digest *sent, *now;
};

static enum block_kind kind_of_segment(const void *opaque, uint64_t i,
                                       size_t n)
{
    const struct batch *a = opaque;

    (void)n;
    if (a->sent[i].known && segment_equal(&a->sent[i], &a->now[i]))
        return BLOCK_SKIPPED;
    return a->now[i].zero ? BLOCK_ZERO : BLOCK_DATA;
}

/* Puts those of the batch that are not what was sent last, in runs of one
 * kind, and remembers them as sent. */
static void put_batch(struct buf *b, struct source_disk *d,
                      const struct segment_digest *now, uint64_t first,
                      uint32_t count)
{
    struct segment_digest *sent = d->sent + first;
    const struct batch batch = { sent, now };
    enum block_kind kind;
    uint64_t at, n, i;

    for (at = 0; at < count; at += n) {
        n = block_run(at, count, 1, kind_of_segment, &batch, &kind);
        if (kind == BLOCK_SKIPPED)
            continue;
        put_digest_run(b, now + at, first + at, n);
        for (i = at; i < at + n; i++) {
            if (sent[i].known)
                doubt_note(d, first + i);
            sent[i] = now[i];
        }
    }
}

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

static int answer_waiting(struct pass *p);

static int send_digests(struct pass *p)
{
    const struct session *s = p->session;
    struct source_disk *d = p->disk;
    struct segment_digest now[BATCH];
    struct buf b = BUF_INIT;
    uint64_t first;
    uint32_t count;
    int rc = 0;

    for (first = 0; first < d->n_segments && !rc; first += count) {
        p->cut_short = atomic_load(&s->hurry);
        if (p->cut_short)
            break;
        count = d->n_segments - first < BATCH ? d->n_segments - first : BATCH;
        memset(now, 0, sizeof(now));
        if (!p->compare)
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
            rc = answer_waiting(p);
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

/* A segment was read and sent, `bytes` of its content. */
static void count_sent(struct pass *p, uint64_t number,
                       const struct segment_digest *digest, uint64_t bytes)
{
    struct source_disk *d = p->disk;

    d->sent[number] = *digest;
    d->round_segments++;
    d->round_bytes += bytes;
    p->answered++;
}

static int send_segment(struct pass *p, uint64_t number)
{
    const struct session *s = p->session;
    struct source_disk *d = p->disk;
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
    count_sent(p, number, &digest, length);
    buf_release(&b);
    free(data);
    return rc;
}

/* A segment, and what the target holds of it: short hashes of its blocks. */
struct comparison {
    const struct source_disk *disk;
    uint64_t start;             /* where the segment is on the disk */
    const uint8_t *data;        /* what it is here */
    const uint8_t *key;         /* NULL: the segment is zero there */
    const uint8_t *hashes;
};

static bool is_held(const struct comparison *x, uint64_t at, size_t n)
{
    uint8_t hash[crypto_shorthash_BYTES];

    if (!x->key)
        return data_is_zero(x->data + at, n);
    crypto_shorthash(hash, x->data + at, n, x->key);
    return !memcmp(hash, x->hashes + at / PROTO_BLOCK * sizeof(hash),
                   sizeof(hash));
}

static enum block_kind kind_of_block(const void *opaque, uint64_t at, size_t n)
{
    const struct comparison *x = opaque;

    if (!output_sends(x->disk, x->start + at, n) || is_held(x, at, n))
        return BLOCK_SKIPPED;
    return data_is_zero(x->data + at, n) ? BLOCK_ZERO : BLOCK_DATA;
}

/* Puts the blocks that differ, neighbours of one kind as one record.  Returns
 * how many bytes these are. */
static uint64_t put_records(struct buf *b, const struct comparison *x,
                            size_t length)
{
    enum block_kind kind;
    uint64_t bytes = 0;
    size_t at, n;

    for (at = 0; at < length; at += n) {
        n = block_run(at, length, PROTO_BLOCK, kind_of_block, x, &kind);
        if (kind == BLOCK_SKIPPED)
            continue;
        buf_put_u32(b, at);
        buf_put_u32(b, n | (kind == BLOCK_ZERO ? PROTO_ZERO : 0));
        if (kind == BLOCK_DATA)
            buf_put(b, x->data + at, n);
        bytes += n;
    }
    return bytes;
}

/* What is left of a BLOCKS frame after the number; nothing stands for zeros. */
static int take_hashes(struct cursor *c, size_t length, struct comparison *x)
{
    size_t blocks = (length + PROTO_BLOCK - 1) / PROTO_BLOCK;

    if (cursor_left(c) == 0)
        return 0;
    x->key = cursor_get(c, crypto_shorthash_KEYBYTES);
    x->hashes = cursor_get(c, blocks * crypto_shorthash_BYTES);
    return c->bad || cursor_left(c) > 0 ? -EPROTO : 0;
}

static int send_patch(struct pass *p, struct cursor *c)
{
    struct source_disk *d = p->disk;
    uint64_t number = cursor_u64(c), bytes;
    struct comparison x = { .disk = d, .start = number * PROTO_SEGMENT };
    struct segment_digest digest;
    struct buf b = BUF_INIT;
    uint8_t *data;
    size_t length;
    int rc;

    rc = c->bad ? -EPROTO :
        read_segment(p->session, d, number, &data, &length, &digest);
    if (rc)
        return rc;
    x.data = data;
    rc = take_hashes(c, length, &x);
    if (!rc) {
        put_head(&b, number, &digest);
        bytes = put_records(&b, &x, length);
        rc = b.failed ? -ENOMEM : output_patch(p->session, d, &b);
        count_sent(p, number, &digest, bytes);
    }
    buf_release(&b);
    free(data);
    return rc;
}

/* Takes the name of a segment, and nothing else. */
static int doubt_named(struct pass *p, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    uint64_t number = cursor_u64(&c);

    if ((f->type != FRAME_DIFFER && f->type != FRAME_BLOCKS) || c.bad ||
        number >= p->disk->n_segments)
        return -EPROTO;
    doubt_note(p->disk, number);
    p->disk->round_segments++;
    p->answered++;
    return 0;
}

static int take_answer(struct pass *p, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    struct source_disk *d = p->disk;
    uint64_t number;

    /*
     * An honest target names a segment at most twice in a pass: once when its
     * digest comes, and once when the pass ends, if it has been sent since and
     * is not verified then.  If it has named more, it does not end.  (The
     * repairs that follow in the same round are passes of their own: over a
     * storage that fails they may name the same segments again and again.)
     */
    if (f->disk != d->number || p->answered > 2 * d->n_segments)
        return -EPROTO;
    /* Nothing goes to a device that may be our own. */
    if (doubt_is_open(d) && !source_is_dry(d) && f->type != FRAME_PASS_DONE)
        return doubt_named(p, f);
    switch (f->type) {
    case FRAME_DIFFER:
        number = cursor_u64(&c);
        return c.bad || source_is_dry(d) ? -EPROTO : send_segment(p, number);
    case FRAME_BLOCKS:
        return send_patch(p, &c);
    case FRAME_PASS_DONE:
        p->left = cursor_u64(&c);
        p->done = true;
        return c.bad ? -EPROTO : 0;
    default:
        return -EPROTO;
    }
}

static int say_failure(const struct source_disk *d, int rc)
{
    if (rc == -EPROTO)
        log_error("disk %s: the answers to the check pass make no sense",
                  d->vdev);
    return rc;
}

/* Answers what is there while digests still go out, so that neither side's
 * queue fills while the other waits. */
static int answer_waiting(struct pass *p)
{
    struct frame f;
    int rc;

    for (;;) {
        rc = inbox_try(p->session->inbox, p->disk->number, &f);
        if (rc)
            return rc == -EAGAIN ? 0 : rc;
        rc = p->compare ? -EPROTO : take_answer(p, &f);
        /* The target cannot be done before it was told that we are. */
        if (!rc && p->done)
            rc = -EPROTO;
        frame_release(&f);
        if (rc)
            return say_failure(p->disk, rc);
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
    struct pass p = { .session = s, .disk = d, .compare = true };
    int rc = prepare(d);

    if (!rc)
        rc = send_digests(&p);
    return rc ? rc :
        wire_send(s->wire, FRAME_COMPARED, d->number, NULL, 0);
}

/* Ends the pass, and answers until the target has. */
static int end_pass(struct pass *p)
{
    struct source_disk *d = p->disk;
    struct frame f;
    char task[64];
    int rc;

    snprintf(task, sizeof(task), "verify disk %s", d->vdev);
    rc = listing_send_end(d->listing, p->session->wire, d->number);
    if (!rc)
        rc = wire_send(p->session->wire, FRAME_PASS_END, d->number, NULL, 0);
    while (!rc && !p->done) {
        rc = inbox_await(p->session->inbox, d->number, task, &f);
        if (rc)
            break;
        rc = say_failure(d, take_answer(p, &f));
        frame_release(&f);
    }
    return rc;
}

int pass_run(const struct session *s, struct source_disk *d, bool full,
             struct pass_result *r)
{
    struct pass p = { .session = s, .disk = d };
    int rc = prepare(d);

    if (!rc && full)
        rc = send_digests(&p);
    if (!rc)
        rc = end_pass(&p);
    r->left = p.left;
    if (full)
        r->cut_short = p.cut_short;
    return rc;
}
