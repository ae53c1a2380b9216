/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Window: see window.h.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fsparse/window.h"

#define AREA_BYTES (256u << 10)

/* Finds out whether the image has a hole at place, and up to where. */
static const struct window_piece *look_at(struct window *w, uint64_t place)
{
    struct window_piece *piece = &w->pieces[w->next++ % WINDOW_PIECES];
    off_t end = lseek(w->fd, (off_t)place, SEEK_DATA);

    piece->hole = end < 0 ? errno == ENXIO : (uint64_t)end > place;
    if (end < 0)
        end = lseek(w->fd, 0, SEEK_END);
    else if (!piece->hole)
        end = lseek(w->fd, (off_t)place, SEEK_HOLE);
    piece->start = place;
    piece->end = end < 0 ? place : (uint64_t)end;
    return piece;
}

static const struct window_piece *piece_at(struct window *w, uint64_t place)
{
    size_t i;

    for (i = 0; i < WINDOW_PIECES; i++)
        if (place >= w->pieces[i].start && place < w->pieces[i].end)
            return &w->pieces[i];
    return look_at(w, place);
}

/* The second read in an area has the rest of it read ahead, as far as there is
 * data.  One read alone says nothing about what lies around it. */
static void read_ahead(struct window *w, const struct window_piece *data,
                       uint64_t place)
{
    const uint64_t number = place / AREA_BYTES;
    const uint64_t seen = 2 * number + 1, told = seen + 1;
    uint64_t *area = &w->areas[number % WINDOW_AREAS];
    uint64_t start = number * AREA_BYTES, end = start + AREA_BYTES;

    if (*area == told)
        return;
    if (*area != seen) {
        *area = seen;
        return;
    }
    *area = told;
    if (start < data->start)
        start = data->start;
    if (end > data->end)
        end = data->end;
    posix_fadvise(w->fd, (off_t)start, (off_t)(end - start),
                  POSIX_FADV_WILLNEED);
}

/* Reads some of size bytes at place of the image, size > 0. */
static ssize_t read_some(struct window *w, void *buf, size_t size,
                         uint64_t place)
{
    const struct window_piece *piece = piece_at(w, place);

    if (place < piece->end && size > piece->end - place)
        size = piece->end - place;
    if (piece->hole && place < piece->end) {
        memset(buf, 0, size);
        return (ssize_t)size;
    }
    if (size < AREA_BYTES && place < piece->end)
        read_ahead(w, piece, place);
    return pread(w->fd, buf, size, (off_t)place);
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
