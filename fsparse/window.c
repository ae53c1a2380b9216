/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Window: see window.h.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fsparse/window.h"

void window_read(struct window *w, void *buf, size_t size, uint64_t offset)
{
    uint64_t left = offset < w->length ? w->length - offset : 0;
    size_t want = size < left ? size : (size_t)left;
    size_t done = 0;

    while (done < want) {
        ssize_t n = pread(w->fd, (char *)buf + done, want - done,
                          (off_t)(w->offset + offset + done));

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
