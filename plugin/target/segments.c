/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of a disk's segments; see segments.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/budget.h"
#include "plugin/target/digest_table.h"
#include "plugin/target/segments.h"

/* Segments that are hashed before that is told. */
#define AT_ONCE 256u

int segments_init(struct target_disk *d)
{
    int rc;

    d->n_segments = segment_count(d->size);
    rc = digest_table_new(&d->expected, d->n_segments, d->budget);
    if (!rc)
        rc = digest_table_new(&d->own, d->n_segments, d->budget);
    if (!rc)
        rc = budget_take(d->budget, d->n_segments, "the segments of a disk");
    if (rc)
        return rc;
    d->flags = calloc(d->n_segments + 1, sizeof(*d->flags));
    if (!d->flags)
        budget_give(d->budget, d->n_segments);
    return d->flags ? 0 : -ENOMEM;
}

void segments_release(struct target_disk *d)
{
    digest_table_free(d->expected);
    digest_table_free(d->own);
    if (d->flags)
        budget_give(d->budget, d->n_segments);
    free(d->flags);
    d->expected = d->own = NULL;
    d->flags = NULL;
}

bool segments_agree(const struct target_disk *d, uint64_t number)
{
    return digest_table_agree(d->own, d->expected, number);
}

void segments_are_foreign(struct target_disk *d)
{
    memset(d->flags, SEGMENT_FOREIGN, d->n_segments);
}

bool segments_verified(const struct target_disk *d, uint64_t number)
{
    return d->flags[number] & SEGMENT_DERIVED || segments_agree(d, number);
}

/* The source sees that it goes on. */
int segments_hash_own(struct target_disk *d, uint64_t first, uint64_t count)
{
    struct segment_digest now[AT_ONCE];
    size_t n;
    int rc = 0;

    for (; count > 0 && !rc; first += n, count -= n) {
        n = count < AT_ONCE ? count : AT_ONCE;
        digest_table_get(d->own, first, n, now);
        rc = segments_hash(&d->dest.storage, d->pool, first, n, now);
        if (!rc)
            rc = digest_table_put(d->own, first, n, now);
        if (!rc)
            wire_worked(d->wire);
    }
    return rc;
}

int segments_note_own_holes(struct target_disk *d)
{
    struct segment_digest now[AT_ONCE];
    uint64_t first;
    size_t n;
    int rc = 0;

    for (first = 0; first < d->n_segments && !rc; first += n) {
        n = d->n_segments - first < AT_ONCE ? d->n_segments - first : AT_ONCE;
        digest_table_get(d->own, first, n, now);
        segments_note_holes(&d->dest.storage, first, n, now);
        rc = digest_table_put(d->own, first, n, now);
    }
    return rc;
}

void segments_own_root(const struct target_disk *d, uint8_t root[HASH_BYTES])
{
    struct segment_digest now[AT_ONCE];
    struct digest state;
    uint64_t first;
    size_t n;

    digest_init(&state);
    for (first = 0; first < d->n_segments; first += n) {
        n = d->n_segments - first < AT_ONCE ? d->n_segments - first : AT_ONCE;
        digest_table_get(d->own, first, n, now);
        segments_root_add(&state, now, n);
    }
    digest_final(&state, root);
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
