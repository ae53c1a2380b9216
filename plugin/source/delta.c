/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sending the blocks that were written; see delta.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/block_run.h"
#include "plugin/base/digest.h"
#include "plugin/proto.h"
#include "plugin/source/delta.h"
#include "plugin/source/doubt.h"
#include "plugin/source/witness.h"

#define DELTA_BYTES (512u << 10)    /* of a frame, about */
#define READ_BYTES (256u << 10)

struct round {
    const struct session *session;
    struct source_disk *disk;
    struct buf frame;               /* digest, then records */
    struct digest state;            /* of the frame's records */
    uint64_t bytes;                 /* of content since the last PASS_END */
    uint32_t records;
    uint64_t left;                  /* segments that the last pass has left */
    uint8_t *data;
};

static void begin_frame(struct round *r)
{
    static const uint8_t later[HASH_BYTES];

    buf_reset(&r->frame);
    buf_put(&r->frame, later, HASH_BYTES);
    digest_init(&r->state);
}

static int end_frame(struct round *r)
{
    int rc;

    if (r->frame.failed)
        return -ENOMEM;
    if (r->frame.length == HASH_BYTES)
        return 0;
    digest_final(&r->state, r->frame.data);
    rc = wire_send_buf(r->session->wire, FRAME_DELTA, r->disk->number,
                       &r->frame);
    begin_frame(r);
    return rc;
}

static int end_pass(struct round *r)
{
    struct pass_result result = { .left = r->left };
    int rc = end_frame(r);

    if (!rc)
        rc = witness_pass(r->session, r->disk, false, &result);
    r->left = result.left;
    r->bytes = r->records = 0;
    return rc;
}

static void put_record(struct round *r, uint64_t offset, const uint8_t *data,
                       size_t length, bool zero)
{
    uint32_t word = length | (zero ? PROTO_ZERO : 0);

    buf_put_u64(&r->frame, offset);
    buf_put_u32(&r->frame, word);
    if (!zero)
        buf_put(&r->frame, data, length);
    digest_record(&r->state, offset, word);
    digest_update(&r->state, data, length);
    r->records++;
    r->bytes += length;
}

static void put_piece(struct round *r, uint64_t offset, size_t length)
{
    enum block_kind kind;
    size_t at, n;

    for (at = 0; at < length; at += n) {
        n = block_run_zero(r->data, at, length, PROTO_BLOCK, &kind);
        put_record(r, offset + at, r->data + at, n, kind == BLOCK_ZERO);
    }
}

/* The digests of these segments are no longer what the target has. */
static void forget_digests(struct source_disk *d, uint64_t offset,
                           size_t length)
{
    uint64_t n = offset / PROTO_SEGMENT;

    for (; n <= (offset + length - 1) / PROTO_SEGMENT; n++)
        d->sent[n].known = false;
}

static int send_piece(struct round *r, uint64_t offset, size_t length)
{
    struct source_disk *d = r->disk;
    int rc = image_read(&d->image, r->data, length, offset);

    if (rc)
        return rc;
    put_piece(r, offset, length);
    blockindex_put(r->session->index, d->number, offset, r->data, length);
    forget_digests(d, offset, length);
    d->round_bytes += length;
    if (r->frame.length >= DELTA_BYTES)
        rc = end_frame(r);
    if (!rc && (r->bytes >= PROTO_ROUND_BYTES / 2 ||
                r->records >= PROTO_ROUND_RECORDS / 2))
        rc = end_pass(r);
    /* The target accepts no more until that is mended. */
    return !rc && r->left ? -EAGAIN : rc;
}

static int send_range(struct round *r, uint64_t offset, uint64_t length)
{
    uint64_t n;
    int rc = 0;

    for (; length > 0 && !rc; offset += n, length -= n) {
        n = length < READ_BYTES ? length : READ_BYTES;
        rc = send_piece(r, offset, n);
    }
    return rc;
}

int delta_send(const struct session *s, struct source_disk *d,
               uint64_t *left_r)
{
    struct round r = { .session = s, .disk = d, .frame = BUF_INIT };
    uint64_t offset = 0, length;
    int rc = witness_dirty(s, d);

    *left_r = 0;
    /* If it is still in doubt, nothing is different from what was sent. */
    if (rc || doubt_is_open(d))
        return rc;
    /* Aligned, so that a device is read without a bounce buffer. */
    r.data = aligned_alloc(4096, READ_BYTES);
    if (!r.data)
        return -ENOMEM;
    begin_frame(&r);
    for (; !rc && dirty_next(&d->dirty, &offset, &length); offset += length)
        rc = send_range(&r, offset, length);
    if (!rc && (r.frame.length > HASH_BYTES || r.bytes))
        rc = end_pass(&r);
    *left_r = r.left;
    buf_release(&r.frame);
    free(r.data);
    return rc;
}
