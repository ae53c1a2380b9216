/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of a disk's segments; see segments.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "plugin/target/segments.h"

int segments_init(struct target_disk *d)
{
    d->n_segments = segment_count(d->size);
    d->expected = calloc(d->n_segments + 1, sizeof(*d->expected));
    d->own = calloc(d->n_segments + 1, sizeof(*d->own));
    d->flags = calloc(d->n_segments + 1, sizeof(*d->flags));
    return d->expected && d->own && d->flags ? 0 : -ENOMEM;
}

void segments_release(struct target_disk *d)
{
    free(d->expected);
    free(d->own);
    free(d->flags);
    d->expected = d->own = NULL;
    d->flags = NULL;
}

bool segments_verified(const struct target_disk *d, uint64_t number)
{
    if (d->flags[number] & SEGMENT_DERIVED)
        return true;
    return d->expected[number].known && d->own[number].known &&
        segment_equal(&d->own[number], &d->expected[number]);
}

bool segments_complete(const struct target_disk *d)
{
    uint64_t i;

    for (i = 0; i < d->n_segments; i++)
        if (!segments_verified(d, i))
            return false;
    return true;
}

int segments_name(struct target_disk *d, uint16_t type, uint64_t number)
{
    struct buf b = BUF_INIT;
    int rc;

    buf_put_u64(&b, number);
    rc = wire_send_buf(d->wire, type, d->number, &b);
    buf_release(&b);
    return rc;
}

int segments_name_whole(struct target_disk *d, uint64_t number)
{
    if (d->flags[number] & SEGMENT_NAMED)
        return 0;
    d->flags[number] |= SEGMENT_NAMED;
    return segments_name(d, FRAME_DIFFER, number);
}
