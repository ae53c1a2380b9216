/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ntfs_bitmap: what nobody has of a volume, if that is certain.
 */
#ifndef FSPARSE_NTFS_BITMAP_H
#define FSPARSE_NTFS_BITMAP_H

#include "fsparse/emit.h"
#include "fsparse/ntfs_lib.h"
#include "fsparse/window.h"

/* Emits the free clusters of a volume that is not marked dirty and was closed
 * cleanly, or the doubt why it does not.  They are not free while something is
 * to be replayed in $LogFile, a Windows sleeps in hiberfil.sys and goes on
 * with its own idea of the volume, there are shadow copies, something could
 * not be read, or a record claims what $Bitmap does not know. */
void ntfs_bitmap_emit_free(ntfs_volume *vol, struct window *w, struct emit *e,
                           unsigned partition);

#endif
