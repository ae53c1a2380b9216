/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Window: the part of the image that one file system may see.
 *
 * Reads beyond the window's end and reads that fail deliver zeros and are
 * counted: in a truncated or damaged image as much as possible is parsed, and
 * the library's loops end because zeros mean nothing to them.  Holes of an
 * image file are not read: the inode tables of an empty file system may lie
 * there.
 *
 * Metadata lie close together, but are followed from block to block; the
 * kernel takes that for reading at random and reads no more than it is asked
 * for.  It is told of the neighbourhood of what has been read at two places
 * near each other, since each read that waits for the disk is longer than all
 * that is done with its result.
 */
#ifndef FSPARSE_WINDOW_H
#define FSPARSE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WINDOW_PIECES 16u       /* of a power of two */
#define WINDOW_AREAS 64u

/* A piece of the image, in bytes; empty at first. */
struct window_piece {
    uint64_t start, end;
    bool hole;                  /* or data */
};

struct window {
    int fd;
    uint64_t offset;
    uint64_t length;
    uint64_t missing;           /* reads that got zeros instead of data */

    /* what was found out lately, the oldest being next */
    struct window_piece pieces[WINDOW_PIECES];
    unsigned next;

    /* areas that were read from lately: 1 + twice the number, or 2 + if the
     * kernel has been told */
    uint64_t areas[WINDOW_AREAS];
};

/* Reads size bytes at an offset of the window.  What cannot be read becomes
 * zeros, and is counted in `missing`. */
void window_read(struct window *w, void *buf, size_t size, uint64_t offset);

#endif
