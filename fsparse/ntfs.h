/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ntfs: the data streams of an NTFS volume, by libntfs-3g.
 */
#ifndef FSPARSE_NTFS_H
#define FSPARSE_NTFS_H

#include <stdbool.h>

#include "fsparse/emit.h"
#include "fsparse/window.h"

/* Emits the streams found; what went wrong becomes a note.  free_too: and the
 * clusters that nobody has, or a doubt. */
void ntfs_parse(struct window *w, struct emit *e, unsigned partition,
                bool free_too);

#endif
