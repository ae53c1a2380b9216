/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Window: see window.h.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fsparse/window.h"

/* Finds out whether the image has a hole at place, and up to where. */
static void look_at(struct window *w, uint64_t place)
{
    off_t end = lseek(w->fd, (off_t)place, SEEK_DATA);

    w->hole = end < 0 ? errno == ENXIO : (uint64_t)end > place;
    if (end < 0)
        end = lseek(w->fd, 0, SEEK_END);
    else if (!w->hole)
        end = lseek(w->fd, (off_t)place, SEEK_HOLE);
    w->known = place;
    w->known_end = end < 0 ? place : (uint64_t)end;
}

/* Reads some of size bytes at place of the image, size > 0. */
static ssize_t read_some(struct window *w, void *buf, size_t size,
                         uint64_t place)
{
    if (place < w->known || place >= w->known_end)
        look_at(w, place);
    if (place < w->known_end && size > w->known_end - place)
        size = w->known_end - place;
    if (!w->hole || place >= w->known_end)
        return pread(w->fd, buf, size, (off_t)place);
    memset(buf, 0, size);
    return (ssize_t)size;
}

void window_read(struct window *w, void *buf, size_t size, uint64_t offset)
{
    uint64_t left = offset < w->length ? w->length - offset : 0;
    size_t want = size < left ? size : (size_t)left;
    size_t done = 0;

    while (done < want) {
        ssize_t n = read_some(w, (char *)buf + done, want - done,
                              w->offset + offset + done);

        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            break;
    }
    if (done < size) {
        memset((char *)buf + done, 0, size - done);
        w->missing++;
    }
}
