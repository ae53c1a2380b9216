/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages that were sent; see pagecache.h.
 *
 * Two hash tables with chains through the slots, and a doubly linked list in
 * the order of use, all by slot number.  A guest may choose the numbers of its
 * frames so that they would come into one chain: a factor that it does not know
 * spreads them (Dietzfelbinger and others, "A reliable randomized algorithm for
 * the closest-pair problem", 1997: two numbers meet with a probability of at
 * most two in the size of the table).  The hashes of pages are keyed.
 */
#include "config.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/memory/memstream.h"
#include "plugin/memory/pagecache.h"

#define NONE PAGECACHE_NONE

struct slot {
    uint64_t pfn;
    uint64_t hash;
    uint32_t next_pfn;          /* chains */
    uint32_t next_hash;
    uint32_t newer;
    uint32_t older;
};

struct pagecache {
    uint32_t slots;
    uint32_t used;
    uint32_t newest;
    uint32_t oldest;
    uint32_t mask;              /* of both tables */
    uint64_t factor;            /* odd */
    uint32_t *by_pfn;
    uint32_t *by_hash;
    struct slot *slot;
    uint8_t *pages;
};

int pagecache_new(struct pagecache **c_r, uint32_t slots)
{
    struct pagecache *c = calloc(1, sizeof(*c));
    uint32_t size = 1;

    if (!c)
        return -ENOMEM;
    while (size < slots && size < UINT32_C(1) << 30)
        size *= 2;
    c->slots = slots;
    c->mask = size - 1;
    randombytes_buf(&c->factor, sizeof(c->factor));
    c->factor |= 1;
    c->newest = c->oldest = NONE;
    c->by_pfn = malloc(size * sizeof(*c->by_pfn));
    c->by_hash = malloc(size * sizeof(*c->by_hash));
    c->slot = calloc(slots, sizeof(*c->slot));
    /* Taken up as it is filled. */
    c->pages = calloc(slots, MEMSTREAM_PAGE);
    if (!c->by_pfn || !c->by_hash || !c->slot || !c->pages) {
        pagecache_free(c);
        return -ENOMEM;
    }
    memset(c->by_pfn, 0xff, size * sizeof(*c->by_pfn));
    memset(c->by_hash, 0xff, size * sizeof(*c->by_hash));
    *c_r = c;
    return 0;
}

void pagecache_free(struct pagecache *c)
{
    if (!c)
        return;
    free(c->by_pfn);
    free(c->by_hash);
    free(c->slot);
    free(c->pages);
    free(c);
}

static uint8_t *content(const struct pagecache *c, uint32_t slot)
{
    return c->pages + (size_t)slot * MEMSTREAM_PAGE;
}

const uint8_t *pagecache_content(const struct pagecache *c, uint32_t slot)
{
    return content(c, slot);
}

static uint32_t *pfn_chain(struct pagecache *c, uint64_t pfn)
{
    /* The upper bits are the good ones; the table has at most 2^30 chains. */
    return &c->by_pfn[(pfn * c->factor >> 32) & c->mask];
}

static uint32_t *hash_chain(struct pagecache *c, uint64_t hash)
{
    return &c->by_hash[hash & c->mask];
}

uint32_t pagecache_find(struct pagecache *c, uint64_t hash, const void *page)
{
    uint32_t i = *hash_chain(c, hash);

    while (i != NONE && (c->slot[i].hash != hash ||
                         memcmp(content(c, i), page, MEMSTREAM_PAGE)))
        i = c->slot[i].next_hash;
    return i;
}

uint32_t pagecache_of_pfn(struct pagecache *c, uint64_t pfn)
{
    uint32_t i = *pfn_chain(c, pfn);

    while (i != NONE && c->slot[i].pfn != pfn)
        i = c->slot[i].next_pfn;
    return i;
}

static void leave_hash(struct pagecache *c, uint32_t slot)
{
    uint32_t *p = hash_chain(c, c->slot[slot].hash);

    while (*p != slot)
        p = &c->slot[*p].next_hash;
    *p = c->slot[slot].next_hash;
}

static void leave_pfn(struct pagecache *c, uint32_t slot)
{
    uint32_t *p = pfn_chain(c, c->slot[slot].pfn);

    while (*p != slot)
        p = &c->slot[*p].next_pfn;
    *p = c->slot[slot].next_pfn;
}

static void leave_order(struct pagecache *c, uint32_t slot)
{
    struct slot *s = &c->slot[slot];

    *(s->newer == NONE ? &c->newest : &c->slot[s->newer].older) = s->older;
    *(s->older == NONE ? &c->oldest : &c->slot[s->older].newer) = s->newer;
}

static void enter_order(struct pagecache *c, uint32_t slot)
{
    struct slot *s = &c->slot[slot];

    s->newer = NONE;
    s->older = c->newest;
    *(c->newest == NONE ? &c->oldest : &c->slot[c->newest].newer) = slot;
    c->newest = slot;
}

void pagecache_touch(struct pagecache *c, uint32_t slot)
{
    if (c->newest == slot)
        return;
    leave_order(c, slot);
    enter_order(c, slot);
}

/* A slot for a page that has none, known by its pfn from now on. */
static uint32_t take_slot(struct pagecache *c, uint64_t pfn)
{
    uint32_t slot, *chain;

    if (c->used < c->slots) {
        slot = c->used++;
    } else {
        slot = c->oldest;
        leave_order(c, slot);
        leave_pfn(c, slot);
        leave_hash(c, slot);
    }
    chain = pfn_chain(c, pfn);
    c->slot[slot].pfn = pfn;
    c->slot[slot].next_pfn = *chain;
    *chain = slot;
    enter_order(c, slot);
    return slot;
}

uint32_t pagecache_put(struct pagecache *c, uint64_t pfn, uint64_t hash,
                       const void *page)
{
    uint32_t slot = pagecache_of_pfn(c, pfn), *chain;

    if (slot == NONE) {
        slot = take_slot(c, pfn);
    } else {
        leave_hash(c, slot);
        pagecache_touch(c, slot);
    }
    chain = hash_chain(c, hash);
    c->slot[slot].hash = hash;
    c->slot[slot].next_hash = *chain;
    *chain = slot;
    memcpy(content(c, slot), page, MEMSTREAM_PAGE);
    return slot;
}
