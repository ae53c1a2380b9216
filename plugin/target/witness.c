/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tells the source what a device shows; see witness.h.
 *
 * The source decides, as it alone knows what it has sent and what its guest
 * has written.  It is told whether a segment has a certain content, and by a
 * mark whether it has changed since it was last asked; the mark is made with a
 * key that nobody else knows, so that it tells nothing of the content.
 */
#include "config.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "plugin/target/destination_write.h"
#include "plugin/target/digest_table.h"
#include "plugin/target/monitor.h"
#include "plugin/target/segments.h"
#include "plugin/target/witness.h"

/* From the storage: a device is read past its cache. */
static int put_witness(struct target_disk *d, struct buf *b, uint64_t number,
                       const uint8_t *digest)
{
    static const uint8_t zeros[HASH_BYTES];
    struct segment_digest now = { .known = false };
    const uint8_t *own;
    uint8_t mark[PROTO_MARK];
    int rc = segment_hash(&d->dest.storage, number, &now, NULL, 0);

    if (rc)
        return rc;
    own = now.zero ? zeros : now.digest;
    crypto_generichash(mark, sizeof(mark), own, HASH_BYTES, d->mark_key,
                       sizeof(d->mark_key));
    buf_put_u8(b, !memcmp(own, digest, HASH_BYTES));
    buf_put(b, mark, sizeof(mark));
    return 0;
}

int witness_take(struct target_disk *d, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    struct buf b = BUF_INIT;
    const uint8_t *digest;
    uint64_t number;
    int rc = d->doubtful && f->length > 0 &&
        f->length <= PROTO_WITNESSES * (8 + HASH_BYTES) ? 0 : -EPROTO;

    while (!rc && cursor_left(&c) > 0) {
        number = cursor_u64(&c);
        digest = cursor_get(&c, HASH_BYTES);
        rc = c.bad || number >= d->n_segments ? -EPROTO :
            put_witness(d, &b, number, digest);
    }
    if (!rc)
        rc = wire_send_buf(d->wire, FRAME_WITNESSED, d->number, &b);
    buf_release(&b);
    return rc;
}

int witness_tell_unlike(struct target_disk *d)
{
    struct buf b = BUF_INIT;
    uint64_t i, n = 0;
    int rc;

    for (i = 0; i < d->n_segments && n < PROTO_UNLIKE; i++)
        if (!segments_verified(d, i)) {
            buf_put_u64(&b, i);
            n++;
        }
    rc = wire_send_buf(d->wire, FRAME_UNLIKE, d->number, &b);
    buf_release(&b);
    return rc;
}

bool witness_may_compare(struct target_disk *d)
{
    if (d->doubtful && !d->listing && !d->listed)
        d->comparing = true;
    return d->comparing;
}

/*
 * What is not known to be equal is overwritten before anything else is: with a
 * part of a segment left, and the rest of it from the source, digests of the
 * whole would tell that part byte by byte.
 */
static int wipe_foreign(struct target_disk *d)
{
    uint64_t i;
    int rc = 0;

    for (i = 0; i < d->n_segments && !rc; i++) {
        if (!(d->flags[i] & SEGMENT_FOREIGN))
            continue;
        rc = destination_zero(&d->dest, i * PROTO_SEGMENT,
                              segment_length(d->size, i));
        digest_table_forget(d->own, i);
        d->flags[i] &= ~SEGMENT_FOREIGN;
        wire_worked(d->wire);
    }
    return rc ? rc : monitor_own(d);
}

int witness_take_apart(struct target_disk *d, const struct frame *f)
{
    int rc;

    if (!d->doubtful || d->comparing || f->length > 0)
        return -EPROTO;
    rc = d->dry ? 0 : monitor_begin(d);
    if (rc)
        return rc;
    d->doubtful = false;
    d->dest.sealed = false;
    /* No thread looks at it before the manifest comes. */
    d->dest.replaced = d->dest.foreign && !d->listing && !d->listed;
    return d->dest.foreign && !d->dry ? wipe_foreign(d) : 0;
}

void witness_seal(struct target_disk *d)
{
    if (!d->dest.block)
        return;
    d->doubtful = true;
    d->dest.sealed = true;
    randombytes_buf(d->mark_key, sizeof(d->mark_key));
}
