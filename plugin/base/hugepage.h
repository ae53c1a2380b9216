/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Buffers that a storage reads and writes in one go: contiguous pages are one
 * segment of a request, of which a device takes a few hundred.
 */
#ifndef PLUGIN_BASE_HUGEPAGE_H
#define PLUGIN_BASE_HUGEPAGE_H

#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE (2u << 20)        /* of x86; elsewhere it is only alignment */

/* length: bytes, a multiple of HUGE_PAGE.  For free(); NULL: no memory. */
static inline void *huge_alloc(size_t length)
{
    void *p = aligned_alloc(HUGE_PAGE, length);

    if (p)
        madvise(p, length, MADV_HUGEPAGE);      /* only a hint */
    return p;
}

#endif
