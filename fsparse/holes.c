/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Holes: see holes.h.
 */
#include "config.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fsparse/holes.h"

void holes_init(struct holes *h, int fd, uint64_t image_size)
{
    struct stat st;

    *h = (struct holes){ .fd = fd };
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        st.st_size > 0)
        h->size = (uint64_t)st.st_size;
    if (h->size > image_size)
        h->size = image_size;
}

void holes_find(struct holes *h, uint64_t place)
{
    off_t from, to;

    if (h->end > place)
        return;
    h->start = h->end = UINT64_MAX;
    if (place >= h->size)
        return;
    from = lseek(h->fd, (off_t)place, SEEK_HOLE);
    if (from < 0 || (uint64_t)from >= h->size)
        return;
    to = lseek(h->fd, from, SEEK_DATA);
    if (to < 0 && errno != ENXIO)
        return;
    h->start = (uint64_t)from;
    h->end = to > from && (uint64_t)to < h->size ? (uint64_t)to : h->size;
}
