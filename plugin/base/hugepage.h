/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Buffers of huge pages, which a device reads and writes in one go: contiguous
 * pages are one segment of a request, and a request has a few hundred at most.
 */
#ifndef PLUGIN_BASE_HUGEPAGE_H
#define PLUGIN_BASE_HUGEPAGE_H

#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE (2u << 20)        /* of x86; elsewhere it is only alignment */

/* Allocates length bytes, a multiple of HUGE_PAGE, for free().  NULL: no
 * memory. */
static inline void *huge_alloc(size_t length)
{
    void *p = aligned_alloc(HUGE_PAGE, length);

    if (p)
        madvise(p, length, MADV_HUGEPAGE);      /* only a hint */
    return p;
}

#endif
