/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ntfs_bitmap: what a volume's $Bitmap says, if it can be believed.
 */
#ifndef FSPARSE_NTFS_BITMAP_H
#define FSPARSE_NTFS_BITMAP_H

#include "fsparse/emit.h"
#include "fsparse/ntfs_lib.h"
#include "fsparse/window.h"

/* Emits the free clusters of a volume that is not marked dirty and was closed
 * cleanly: nothing to be replayed in $LogFile, no Windows that sleeps in
 * hiberfil.sys and goes on with its own idea of the volume, and nothing that
 * could not be read.  Of any other emits nothing. */
void ntfs_bitmap_emit_free(ntfs_volume *vol, struct window *w, struct emit *e,
                           unsigned partition);

#endif
