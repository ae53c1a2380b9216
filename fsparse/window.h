/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Window: the part of the image that one file system may see.
 *
 * Reads beyond the window's end and reads that fail deliver zeros and are
 * counted: in a truncated or damaged image as much as possible is parsed, and
 * the library's loops end because zeros mean nothing to them.  Holes of an
 * image file are not read: the inode tables of an empty file system may lie
 * there.
 */
#ifndef FSPARSE_WINDOW_H
#define FSPARSE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct window {
    int fd;
    uint64_t offset;
    uint64_t length;
    uint64_t missing;           /* reads that got zeros instead of data */

    /* what is known of the file, in bytes of the image */
    uint64_t known, known_end;
    bool hole;                  /* this is one, or data */
};

void window_read(struct window *w, void *buf, size_t size, uint64_t offset);

#endif
