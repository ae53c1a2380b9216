/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ntfs_device: libntfs-3g reads a window instead of a device that it opens.
 */
#ifndef FSPARSE_NTFS_DEVICE_H
#define FSPARSE_NTFS_DEVICE_H

#include "fsparse/ntfs_lib.h"
#include "fsparse/window.h"

/*
 * Opens the volume in w far enough to read records and attributes: $MFT and
 * $MFTMirr are loaded, nothing else is looked at.  A volume that is dirty,
 * hibernated or torn by a running guest thus opens, and so does one whose
 * mirror differs.  What ntfs_check.h objects to does not.  Closed by
 * ntfs_umount().  Returns NULL, or why it cannot be opened, as a note for
 * people.
 */
const char *ntfs_device_open(struct window *w, ntfs_volume **vol_r);

#endif
