/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ntfs_lib: libntfs-3g's headers, which expect to find what their own
 * config.h says, in the order that they need.
 */
#ifndef FSPARSE_NTFS_LIB_H
#define FSPARSE_NTFS_LIB_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <errno.h>
#include <sys/types.h>
#include <sys/stat.h>

#include <ntfs-3g/types.h>
#include <ntfs-3g/layout.h>
#include <ntfs-3g/volume.h>
#include <ntfs-3g/inode.h>
#include <ntfs-3g/attrib.h>
#include <ntfs-3g/mft.h>
#include <ntfs-3g/logging.h>

#endif
