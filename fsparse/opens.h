/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opens: whether a parser finds its file system in a window, by more than a
 * magic number.
 */
#ifndef FSPARSE_OPENS_H
#define FSPARSE_OPENS_H

#include <stdbool.h>

#include "fsparse/window.h"

/* Which parser reads a file system of this type (libblkid's name). */
bool opens_is_ext(const char *fstype);
bool opens_is_ntfs(const char *fstype);

/* True: the type has a parser, which can open the file system, and its root is
 * a directory. */
bool opens(struct window *w, const char *fstype);

#endif
