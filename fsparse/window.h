/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Window: the part of the image that one file system may see.
 *
 * Reads behind the window's end and reads that fail deliver zeros and are
 * counted: in a truncated or damaged image as much as possible is parsed, and
 * the library's loops end because zeros mean nothing to them.
 */
#ifndef FSPARSE_WINDOW_H
#define FSPARSE_WINDOW_H

#include <stddef.h>
#include <stdint.h>

struct window {
    int fd;
    uint64_t offset;
    uint64_t length;
    uint64_t missing;           /* reads that got zeros instead of data */
};

void window_read(struct window *w, void *buf, size_t size, uint64_t offset);

#endif
