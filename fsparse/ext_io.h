/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ext_io: libext2fs reads a window instead of a file that it opens by name.
 */
#ifndef FSPARSE_EXT_IO_H
#define FSPARSE_EXT_IO_H

#include <ext2fs/ext2fs.h>

#include "fsparse/window.h"

/* Opens the file system in w, leniently, read-only and without replaying its
 * journal, if its superblock passes ext_check().  Returns NULL, or why it
 * cannot be opened, as a note for people.  One at a time: libext2fs hands its
 * io_manager nothing but a name. */
const char *ext_io_open(struct window *w, ext2_filsys *fs_r);

/* The same, but what has a wrong checksum or an unknown feature is an error,
 * now and whenever it is read. */
const char *ext_io_open_strict(struct window *w, ext2_filsys *fs_r);

#endif
