/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Check passes, the source's part (docs/protocol.md, "Passes").
 *
 * What a pass establishes rests on two readings only: the source's segments
 * as read in this pass, and what the target reads from its storage.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/log.h"
#include "plugin/proto.h"
#include "plugin/source_disk.h"

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
        d->sent[first + i] = now[i];
    }
}

static int send_digests(const struct pass *p, struct source_disk *d)
{
    struct segment_digest now[BATCH];
    struct buf b = BUF_INIT;
    uint64_t first;
    uint32_t count;
    int rc = 0;

    for (first = 0; first < d->n_segments && !rc; first += count) {
        count = d->n_segments - first < BATCH ? d->n_segments - first : BATCH;
        memset(now, 0, sizeof(now));
        rc = segments_hash(&d->image, p->pool, first, count, now);
        if (rc)
            break;
        buf_reset(&b);
        put_batch(&b, d, now, first, count);
        if (b.failed || b.length)
            rc = wire_send_buf(p->wire, FRAME_SEGMENTS, d->number, &b);
    }
    buf_release(&b);
    return rc;
}

/* Adds the segments that a DIFFER frame names. */
static int take_differ(struct source_disk *d, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    uint32_t count = cursor_u32(&c), i;
    uint64_t number = 0, *list;

    if (c.bad || count > cursor_left(&c))
        return -EPROTO;
    list = realloc(d->differ, (d->n_differ + count + 1) * sizeof(*list));
    if (!list)
        return -ENOMEM;
    d->differ = list;
    for (i = 0; i < count; i++) {
        number += cursor_zigzag(&c);
        /* More than there are segments would be named twice. */
        if (c.bad || number >= d->n_segments || d->n_differ >= d->n_segments)
            return -EPROTO;
        list[d->n_differ++] = number;
    }
    return 0;
}

static int collect_differ(const struct pass *p, struct source_disk *d)
{
    struct frame f;
    bool done = false;
    int rc;

    while (!done) {
        rc = inbox_next(p->inbox, &f);
        if (rc)
            return rc;
        if (f.disk != d->number)
            rc = -EPROTO;
        else if (f.type == FRAME_DIFFER)
            rc = take_differ(d, &f);
        else if (f.type == FRAME_PASS_DONE)
            done = true;
        else
            rc = -EPROTO;
        frame_release(&f);
        if (rc) {
            log_errno(rc, "disk %s: the check pass broke off", d->vdev);
            return rc;
        }
    }
    return 0;
}

static int send_segment(const struct pass *p, struct source_disk *d,
                        uint64_t number)
{
    static const uint8_t none[HASH_BYTES];
    size_t length = segment_length(d->image.size, number);
    struct segment_digest digest;
    struct buf b = BUF_INIT;
    void *data = aligned_alloc(4096, PROTO_SEGMENT);
    int rc;

    if (!data)
        return -ENOMEM;
    rc = image_read(&d->image, data, length, number * PROTO_SEGMENT);
    if (rc)
        goto out;
    segment_digest_of(data, length, &digest);
    buf_put_u64(&b, number);
    buf_put(&b, digest.zero ? none : digest.digest, HASH_BYTES);
    if (!digest.zero)
        buf_put(&b, data, length);
    rc = wire_send_buf(p->wire, FRAME_SEGMENT, d->number, &b);
    d->sent[number] = digest;
    d->report.resent += length;
out:
    buf_release(&b);
    free(data);
    return rc;
}

int pass_run(const struct pass *p, struct source_disk *d, bool full,
             uint64_t *differed_r)
{
    uint64_t i;
    int rc = 0;

    if (!d->sent) {
        d->n_segments = segment_count(d->image.size);
        d->sent = calloc(d->n_segments + 1, sizeof(*d->sent));
        if (!d->sent)
            return -ENOMEM;
    }
    d->n_differ = 0;
    if (full)
        rc = send_digests(p, d);
    if (!rc)
        rc = wire_send(p->wire, FRAME_PASS_END, d->number, NULL, 0);
    if (!rc)
        rc = collect_differ(p, d);
    for (i = 0; i < d->n_differ && !rc; i++)
        rc = send_segment(p, d, d->differ[i]);
    *differed_r = d->n_differ;
    return rc;
}
