/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages that the source has sent: they are found again by their content, or by
 * the number (pfn) of the guest's page that they were the last content of.
 *
 * There is a fixed number of slots; the one that was not used for the longest
 * time gives way.  The target keeps the same pages in slots of the same
 * numbers, because every page is sent with its slot: it needs no rule of its
 * own.
 *
 * Not safe for several threads.
 */
#ifndef PLUGIN_MEMORY_PAGECACHE_H
#define PLUGIN_MEMORY_PAGECACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGECACHE_NONE UINT32_MAX

struct pagecache;

/* slots: at least one.  *c_r is for pagecache_free().  -ENOMEM. */
int pagecache_new(struct pagecache **c_r, uint32_t slots);
void pagecache_free(struct pagecache *c);

/* The slot of a page with these bytes, or PAGECACHE_NONE.  hash: that of the
 * bytes, always by the same function. */
uint32_t pagecache_find(struct pagecache *c, uint64_t hash,
                        const void *page);

/* The slot with the last known content of a page, or PAGECACHE_NONE. */
uint32_t pagecache_of_pfn(struct pagecache *c, uint64_t pfn);

/* The page in a slot, valid until pagecache_put(). */
const uint8_t *pagecache_content(const struct pagecache *c, uint32_t slot);

/* The slot counts as used now. */
void pagecache_touch(struct pagecache *c, uint32_t slot);

/* Keeps a copy of a page; returns its slot, which is that of the same pfn if
 * there is one. */
uint32_t pagecache_put(struct pagecache *c, uint64_t pfn, uint64_t hash,
                       const void *page);

#endif
