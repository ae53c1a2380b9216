/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Renaming that never takes a name from anything, and outlasts a crash. */
#ifndef PLUGIN_BASE_RENAME_NEW_H
#define PLUGIN_BASE_RENAME_NEW_H

/*
 * Gives name, of the open directory from, the name new_name in the open
 * directory to, which may be the same, and brings both directories to their
 * storage.  Both are on one file system.  0 or a negative errno: -EEXIST:
 * something has that name, and nothing was done; any other may also mean that
 * it was renamed, but not brought to the storage.
 *
 * Where the file system cannot promise that nothing is replaced (NFS), a link
 * is made and the old name removed: a crash in between leaves both.
 */
int rename_new(int from, const char *name, int to, const char *new_name);

#endif
