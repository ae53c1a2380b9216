/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ntfs_public: which files of a Windows volume everybody may read.
 *
 * Their permissions are in security descriptors that nothing here reads.  What
 * is below the directories of programs and of the system any user may read, as
 * Windows makes them, but for some that have logs, registries and leftovers of
 * an installation.  Of all else it is not known.
 */
#ifndef FSPARSE_NTFS_PUBLIC_H
#define FSPARSE_NTFS_PUBLIC_H

#include <stdbool.h>

bool ntfs_path_public(const char *path);

#endif
