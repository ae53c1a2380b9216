/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ext: the regular files of an ext2, ext3 or ext4 file system, by libext2fs.
 */
#ifndef FSPARSE_EXT_H
#define FSPARSE_EXT_H

#include <stdbool.h>

#include "fsparse/emit.h"
#include "fsparse/window.h"

/* Emits the files found; what went wrong becomes a note.  free_too: and the
 * blocks that nobody has, or a doubt. */
void ext_parse(struct window *w, struct emit *e, unsigned partition,
               bool free_too);

#endif
