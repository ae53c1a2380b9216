/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Holes: those of an image file, one after the other.
 *
 * The image may be written meanwhile: any answer is as good as another that
 * was true a moment ago.  Like everything in a map, a hole is a hint.
 */
#ifndef FSPARSE_HOLES_H
#define FSPARSE_HOLES_H

#include <stdint.h>

struct holes {
    int fd;
    uint64_t size;              /* of a sparse image; 0: no holes */
    uint64_t start, end;        /* the last one found; UINT64_MAX: no more */
};

/* fd's offset moves; -1, or anything but a regular file: there are none. */
void holes_init(struct holes *h, int fd, uint64_t image_size);

/* Finds the hole that place lies in, or else the next one.  From call to call,
 * places ascend. */
void holes_find(struct holes *h, uint64_t place);

#endif
