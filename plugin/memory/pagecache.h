/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages that were sent, at the source: found again by their content or by
 * the number of the guest's page that they were the last content of.
 *
 * A fixed number of slots; the one that was not used for the longest time
 * gives way.  The target keeps the same pages in slots of the same numbers,
 * because every page is sent with its slot: it needs no rule of its own.
 * Not safe for several threads.
 */
#ifndef PLUGIN_MEMORY_PAGECACHE_H
#define PLUGIN_MEMORY_PAGECACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGECACHE_NONE UINT32_MAX

struct pagecache;

/* slots: at least one. */
int pagecache_new(struct pagecache **c_r, uint32_t slots);
void pagecache_free(struct pagecache *c);

/* The slot of a page with these bytes (hash: of them, by any one function),
 * or PAGECACHE_NONE. */
uint32_t pagecache_find(struct pagecache *c, uint64_t hash,
                        const void *page);

/* The slot with the last known content of a page, or PAGECACHE_NONE. */
uint32_t pagecache_of_pfn(struct pagecache *c, uint64_t pfn);

const uint8_t *pagecache_content(const struct pagecache *c, uint32_t slot);

/* Counts as used now. */
void pagecache_touch(struct pagecache *c, uint32_t slot);

/* Keeps a page; returns its slot, which is that of the same pfn if there is
 * one. */
uint32_t pagecache_put(struct pagecache *c, uint64_t pfn, uint64_t hash,
                       const void *page);

#endif
