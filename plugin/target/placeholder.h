/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An empty file that stands for a disk until this is complete.  Nobody but us
 * makes it, but what stands at its path later may be anybody's.
 */
#ifndef PLUGIN_TARGET_PLACEHOLDER_H
#define PLUGIN_TARGET_PLACEHOLDER_H

#include <stdbool.h>
#include <sys/stat.h>

/* Makes it in a directory.  -EEXIST: something has that name. */
int placeholder_make(int directory, const char *name, struct stat *st_r);

/*
 * Removes the name if it is still that of the file that was made, and this is
 * empty and nobody else has it open for writing.  Else what stands there stays:
 * -EBUSY.
 */
int placeholder_remove(int directory, const char *name,
                       const struct stat *made);

/* Whether an error of renameat2() means that the file system does not know its
 * flags (NFS): then there is only the plain renaming. */
bool rename_flags_unknown(int errnum);

#endif
