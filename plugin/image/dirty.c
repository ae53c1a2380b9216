/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bitmap of dirty blocks; see dirty.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/image/dirty.h"

static uint64_t blocks(const struct dirty *d)
{
    return (d->size >> d->shift) +
        !!(d->size & ((UINT64_C(1) << d->shift) - 1));
}

static bool get(const struct dirty *d, uint64_t block)
{
    return d->words[block / 64] >> block % 64 & 1;
}

int dirty_init(struct dirty *d, uint64_t size, uint64_t block)
{
    *d = (struct dirty)DIRTY_INIT;
    if (block < 512 || (block & (block - 1)))
        return -EINVAL;
    d->size = size;
    d->shift = __builtin_ctzll(block);
    d->n_words = (blocks(d) + 63) / 64;
    d->words = calloc(d->n_words + 1, sizeof(*d->words));
    return d->words ? 0 : -ENOMEM;
}

void dirty_release(struct dirty *d)
{
    free(d->words);
    *d = (struct dirty)DIRTY_INIT;
}

/* The blocks [first, last] that a range touches; false: none. */
static bool touched(const struct dirty *d, uint64_t offset, uint64_t length,
                    uint64_t *first_r, uint64_t *last_r)
{
    if (!length || offset >= d->size)
        return false;
    if (length > d->size - offset)
        length = d->size - offset;
    *first_r = offset >> d->shift;
    *last_r = (offset + length - 1) >> d->shift;
    return true;
}

void dirty_mark(struct dirty *d, uint64_t offset, uint64_t length)
{
    uint64_t b, last;

    if (!touched(d, offset, length, &b, &last))
        return;
    while (b <= last) {
        if (b % 64 == 0 && last - b >= 63) {
            d->words[b / 64] = UINT64_MAX;
            b += 64;
        } else {
            d->words[b / 64] |= UINT64_C(1) << b % 64;
            b++;
        }
    }
}

void dirty_mark_all(struct dirty *d)
{
    dirty_mark(d, 0, d->size);
}

void dirty_clear(struct dirty *d)
{
    memset(d->words, 0, d->n_words * sizeof(*d->words));
}

void dirty_or(struct dirty *d, const struct dirty *from)
{
    uint64_t i, offset = 0, length;

    if (d->shift == from->shift) {
        for (i = 0; i < d->n_words && i < from->n_words; i++)
            d->words[i] |= from->words[i];
        return;
    }
    for (; dirty_next(from, &offset, &length); offset += length)
        dirty_mark(d, offset, length);
}

/* The first block in [b, end) that is dirty, or clean; end if none is. */
static uint64_t find(const struct dirty *d, uint64_t b, uint64_t end,
                     bool wanted)
{
    uint64_t skip = wanted ? 0 : UINT64_MAX;

    while (b < end) {
        if (b % 64 == 0 && d->words[b / 64] == skip)
            b += 64;
        else if (get(d, b) == wanted)
            return b;
        else
            b++;
    }
    return end;
}

bool dirty_any(const struct dirty *d, uint64_t offset, uint64_t length)
{
    uint64_t first, last;

    return touched(d, offset, length, &first, &last) &&
        find(d, first, last + 1, true) <= last;
}

bool dirty_next(const struct dirty *d, uint64_t *offset_r, uint64_t *length_r)
{
    uint64_t n = blocks(d), first, end, from = *offset_r;

    if (from >= d->size)
        return false;
    first = find(d, from >> d->shift, n, true);
    if (first == n)
        return false;
    end = find(d, first, n, false);
    if (first << d->shift > from)
        from = first << d->shift;
    *offset_r = from;
    *length_r = (end == n ? d->size : end << d->shift) - from;
    return true;
}

uint64_t dirty_bytes(const struct dirty *d)
{
    uint64_t offset = 0, length, sum = 0;

    for (; dirty_next(d, &offset, &length); offset += length)
        sum += length;
    return sum;
}
