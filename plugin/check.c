/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Check passes, the target's part (docs/protocol.md, "Passes").
 *
 * A digest of our own is always of bytes read back from the storage, and is
 * forgotten as soon as the segment is written.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/log.h"
#include "plugin/target_disk.h"

int check_init(struct target_disk *d)
{
    d->n_segments = segment_count(d->size);
    d->expected = calloc(d->n_segments + 1, sizeof(*d->expected));
    d->own = calloc(d->n_segments + 1, sizeof(*d->own));
    d->unread = calloc(d->n_segments + 1, sizeof(*d->unread));
    return d->expected && d->own && d->unread ? 0 : -ENOMEM;
}

void check_release(struct target_disk *d)
{
    free(d->expected);
    free(d->own);
    free(d->unread);
    free(d->recheck);
}

/* Names those of [first, first + count) that differ. */
static int send_differ(struct target_disk *d, const uint64_t *numbers,
                       size_t count)
{
    struct buf b = BUF_INIT;
    uint64_t previous = 0;
    size_t i;
    int rc;

    if (count == 0)
        return 0;
    buf_put_u32(&b, count);
    for (i = 0; i < count; i++) {
        buf_put_zigzag(&b, (int64_t)(numbers[i] - previous));
        previous = numbers[i];
    }
    rc = wire_send_buf(d->wire, FRAME_DIFFER, d->number, &b);
    buf_release(&b);
    d->n_differ += count;
    return rc;
}

static int compare_run(struct target_disk *d, uint64_t first, uint32_t count)
{
    uint64_t *differ;
    size_t n = 0;
    uint32_t i;
    int rc;

    differ = malloc(((size_t)count + 1) * sizeof(*differ));
    if (!differ)
        return -ENOMEM;
    /* What was written since the last pass waits for its end: until it is
     * synced, a reading says nothing of the storage. */
    for (i = 0; i < count; i++)
        d->own[first + i].known |= d->unread[first + i];
    rc = segments_hash(&d->dest.storage, d->pool, first, count,
                       d->own + first);
    for (i = 0; i < count; i++)
        if (d->unread[first + i])
            d->own[first + i].known = false;
        else if (!rc && !segment_equal(&d->own[first + i],
                                       &d->expected[first + i]))
            differ[n++] = first + i;
    if (rc) {
        free(differ);
        return rc;
    }
    rc = send_differ(d, differ, n);
    free(differ);
    return rc;
}

static int take_run(struct target_disk *d, struct cursor *c)
{
    uint64_t first = cursor_u64(c);
    uint32_t count = cursor_u32(c), i;
    uint8_t zero = cursor_u8(c);
    const uint8_t *digest;

    if (c->bad || zero > 1 || first > d->n_segments ||
        count > d->n_segments - first)
        return -EPROTO;
    for (i = 0; i < count; i++) {
        struct segment_digest *e = &d->expected[first + i];

        e->known = true;
        e->zero = zero;
        if (zero)
            continue;
        digest = cursor_get(c, HASH_BYTES);
        if (!digest)
            return -EPROTO;
        memcpy(e->digest, digest, HASH_BYTES);
    }
    return compare_run(d, first, count);
}

int check_segments(struct target_disk *d, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    int rc = 0;

    while (!rc && cursor_left(&c) > 0)
        rc = take_run(d, &c);
    return rc;
}

int check_segment(struct target_disk *d, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    uint64_t number = cursor_u64(&c), *list;
    const uint8_t *digest = cursor_get(&c, HASH_BYTES);
    struct segment_digest *e;
    size_t length, got = cursor_left(&c);

    if (c.bad || number >= d->n_segments)
        return -EPROTO;
    length = segment_length(d->size, number);
    if (got != 0 && got != length)
        return -EPROTO;
    if (!d->unread[number]) {
        list = realloc(d->recheck, (d->n_recheck + 1) * sizeof(*list));
        if (!list)
            return -ENOMEM;
        d->recheck = list;
        list[d->n_recheck++] = number;
        d->unread[number] = true;
    }
    d->own[number].known = false;
    e = &d->expected[number];
    e->known = true;
    e->zero = got == 0;
    memcpy(e->digest, digest, HASH_BYTES);
    if (e->zero)
        return destination_zero(&d->dest, number * PROTO_SEGMENT, length);
    return destination_write(&d->dest, c.p, length, number * PROTO_SEGMENT);
}

int check_pass_end(struct target_disk *d)
{
    struct buf b = BUF_INIT;
    uint64_t i, number;
    int rc = 0;

    if (d->n_recheck > 0)
        rc = destination_sync(&d->dest);
    for (i = 0; i < d->n_recheck && !rc; i++) {
        number = d->recheck[i];
        d->unread[number] = false;
        rc = compare_run(d, number, 1);
    }
    d->n_recheck = 0;
    if (rc)
        return rc;
    buf_put_u64(&b, d->n_differ);
    d->n_differ = 0;
    rc = wire_send_buf(d->wire, FRAME_PASS_DONE, d->number, &b);
    buf_release(&b);
    return rc;
}

bool check_complete(const struct target_disk *d)
{
    uint64_t i;

    for (i = 0; i < d->n_segments; i++)
        if (!d->expected[i].known || !d->own[i].known ||
            !segment_equal(&d->own[i], &d->expected[i]))
            return false;
    return d->n_recheck == 0;
}
