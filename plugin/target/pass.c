/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Check passes, the target's part; see pass.h.
 *
 * A digest of our own is always of bytes read back from the storage, and is
 * forgotten as soon as the segment is written.  A segment that differs is
 * described block by block, so that only blocks that differ cross; if it
 * still differs after that (a short hash collided, by chance or by intent),
 * it is asked for whole.
 */
#include "config.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/log.h"
#include "plugin/target/delta.h"
#include "plugin/target/destination_storage.h"
#include "plugin/target/destination_write.h"
#include "plugin/target/digest_table.h"
#include "plugin/target/pass.h"
#include "plugin/target/segments.h"

/* Naming segments that differ */

static int name_blocks(struct target_disk *d, uint64_t number)
{
    size_t length = segment_length(d->size, number), at, n;
    uint8_t *data = aligned_alloc(4096, PROTO_SEGMENT);
    uint8_t key[crypto_shorthash_KEYBYTES];
    uint8_t hash[crypto_shorthash_BYTES];
    struct buf b = BUF_INIT;
    int rc = -ENOMEM;

    if (!data)
        goto out;
    rc = image_read(&d->dest.storage, data, length, number * PROTO_SEGMENT);
    if (rc)
        goto out;
    randombytes_buf(key, sizeof(key));
    buf_put_u64(&b, number);
    buf_put(&b, key, sizeof(key));
    for (at = 0; at < length; at += n) {
        n = length - at < PROTO_BLOCK ? length - at : PROTO_BLOCK;
        crypto_shorthash(hash, data + at, n, key);
        buf_put(&b, hash, sizeof(hash));
    }
    rc = wire_send_buf(d->wire, FRAME_BLOCKS, d->number, &b);
out:
    buf_release(&b);
    free(data);
    return rc;
}

static int name(struct target_disk *d, uint64_t number)
{
    uint8_t *flags = &d->flags[number];

    if (*flags & SEGMENT_PATCHED || (*flags & SEGMENT_FOREIGN && !d->dry))
        return segments_name_whole(d, number);
    *flags |= SEGMENT_NAMED;
    /* A dry run counts what is foreign as if nothing were there. */
    return digest_table_is_zero(d->own, number) || *flags & SEGMENT_FOREIGN ?
        segments_name(d, FRAME_BLOCKS, number) : name_blocks(d, number);
}

/* Hashes what is not known of [first, first + count), and names what differs
 * and has not been named in this pass. */
static int compare_run(struct target_disk *d, uint64_t first, uint64_t count)
{
    uint64_t i;
    int rc = segments_hash_own(d, first, count);

    for (i = first; i < first + count && !rc; i++) {
        if (segments_verified(d, i))
            d->flags[i] = 0;
        else if (!(d->flags[i] & SEGMENT_NAMED) && !d->comparing)
            rc = name(d, i);
    }
    return rc;
}

/* As compare_run(), but what was written since the last pass waits for the end
 * of this one: until it is synced, a reading says nothing of the storage. */
static int compare_synced(struct target_disk *d, uint64_t first,
                          uint64_t count)
{
    uint64_t i, end, stop = first + count;
    int rc = 0;

    for (i = first; i < stop && !rc; i = end) {
        for (end = i; end < stop && !(d->flags[end] & SEGMENT_WRITTEN); end++)
            ;
        if (end > i)
            rc = compare_run(d, i, end - i);
        else
            end++;
    }
    return rc;
}

/* Frames */

/* Notes what the source says of a segment. */
static int expect(struct target_disk *d, uint64_t number, bool zero,
                  const uint8_t *digest)
{
    struct segment_digest e = { .known = true, .zero = zero };

    if (!zero)
        memcpy(e.digest, digest, HASH_BYTES);
    return digest_table_put(d->expected, number, 1, &e);
}

static int take_run(struct target_disk *d, struct cursor *c)
{
    uint64_t first = cursor_u64(c);
    uint32_t count = cursor_u32(c), i;
    uint8_t zero = cursor_u8(c);
    int rc = 0;

    if (c->bad || zero > 1 || first > d->n_segments ||
        count > d->n_segments - first ||
        (!zero && count > cursor_left(c) / HASH_BYTES))
        return -EPROTO;
    for (i = 0; i < count && !rc; i++) {
        d->flags[first + i] &= ~SEGMENT_DERIVED;
        rc = expect(d, first + i, zero, zero ? NULL :
                    cursor_get(c, HASH_BYTES));
    }
    return rc ? rc : compare_synced(d, first, count);
}

int pass_take_segments(struct target_disk *d, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    int rc = 0;

    while (!rc && cursor_left(&c) > 0)
        rc = take_run(d, &c);
    return rc;
}

/* Takes number and digest of a segment that is about to be written; zero: that
 * is all that came of it.  A digest of zeros stands for one that is zero. */
static int begin_write(struct target_disk *d, struct cursor *c, bool zero,
                       uint64_t *number_r)
{
    uint64_t number = cursor_u64(c);
    const uint8_t *digest = cursor_get(c, HASH_BYTES);
    int rc;

    if (c->bad || number >= d->n_segments)
        return -EPROTO;
    digest_table_forget(d->own, number);
    rc = expect(d, number, zero || sodium_is_zero(digest, HASH_BYTES), digest);
    if (rc)
        return rc;
    d->flags[number] &= ~(SEGMENT_NAMED | SEGMENT_DERIVED);
    d->flags[number] |= SEGMENT_WRITTEN;
    d->unsynced = true;
    *number_r = number;
    return 0;
}

int pass_take_segment(struct target_disk *d, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    bool zero = f->length == 8 + HASH_BYTES;
    uint64_t number;
    size_t length;
    int rc = begin_write(d, &c, zero, &number);

    if (rc)
        return rc;
    length = segment_length(d->size, number);
    if (zero)
        return destination_zero(&d->dest, number * PROTO_SEGMENT, length);
    if (cursor_left(&c) != length)
        return -EPROTO;
    return destination_write(&d->dest, c.p, length, number * PROTO_SEGMENT);
}

static int take_record(struct target_disk *d, uint64_t number,
                       struct cursor *c)
{
    uint64_t start = number * PROTO_SEGMENT;
    size_t segment = segment_length(d->size, number);
    uint32_t offset = cursor_u32(c), length = cursor_u32(c);
    bool zero = length & PROTO_ZERO;
    const uint8_t *data = NULL;

    length &= ~PROTO_ZERO;
    if (c->bad || offset > segment || length > segment - offset)
        return -EPROTO;
    if (zero)
        return destination_zero(&d->dest, start + offset, length);
    data = cursor_get(c, length);
    return data ? destination_write(&d->dest, data, length, start + offset) :
        -EPROTO;
}

int pass_take_patch(struct target_disk *d, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    uint64_t number;
    int rc = begin_write(d, &c, false, &number);

    if (rc)
        return rc;
    d->flags[number] |= SEGMENT_PATCHED;
    while (!rc && cursor_left(&c) > 0)
        rc = take_record(d, number, &c);
    return rc;
}

/* What was written comes to the storage, and will be read from there. */
static int sync_written(struct target_disk *d)
{
    uint64_t i;
    int rc = d->unsynced ? destination_sync(&d->dest) : 0;

    d->unsynced = false;
    for (i = 0; i < d->n_segments; i++) {
        if (d->flags[i] & SEGMENT_WRITTEN)
            destination_drop(&d->dest, i * PROTO_SEGMENT, PROTO_SEGMENT);
        d->flags[i] &= ~SEGMENT_WRITTEN;
    }
    return rc;
}

static int say_done(struct target_disk *d, uint64_t left)
{
    struct buf b = BUF_INIT;
    int rc;

    buf_put_u64(&b, left);
    rc = wire_send_buf(d->wire, FRAME_PASS_DONE, d->number, &b);
    buf_release(&b);
    return rc;
}

int pass_take_end(struct target_disk *d)
{
    uint64_t i, end, left = 0;
    int rc;

    rc = sync_written(d);
    if (!rc)
        rc = delta_verify(d);
    for (i = 0; i < d->n_segments && !rc; i = end) {
        for (end = i; end < d->n_segments &&
             digest_table_knows(d->expected, end) &&
             !segments_verified(d, end); end++)
            ;
        if (end > i)
            rc = compare_run(d, i, end - i);
        else
            end++;
    }
    for (i = 0; i < d->n_segments; i++) {
        left += !segments_verified(d, i);
        d->flags[i] &= ~SEGMENT_NAMED;
    }
    return rc ? rc : say_done(d, left);
}

int pass_take_end_dry(struct target_disk *d)
{
    uint64_t i, left = 0;
    int rc = 0;

    /* Only the comparison before the manifest has filled expected. */
    for (i = 0; i < d->n_segments && !rc; i++) {
        if (!d->touched || !d->touched[i] || segments_verified(d, i))
            continue;
        left++;
        rc = name(d, i);
    }
    return rc ? rc : say_done(d, left);
}

int pass_read_root(struct target_disk *d, uint8_t root[HASH_BYTES])
{
    int rc = segments_hash_own(d, 0, d->n_segments);

    if (!rc)
        segments_own_root(d, root);
    return rc;
}
