/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ext_names: paths of inodes, from one walk over the directories.
 *
 * An inode has the first name that the walk meets; the walk goes breadth
 * first and enters a directory where it was named first, once, so that it
 * ends and every path is finite, however the directories refer to each other.
 */
#ifndef FSPARSE_EXT_NAMES_H
#define FSPARSE_EXT_NAMES_H

#include <ext2fs/ext2fs.h>
#include <stdbool.h>
#include <stddef.h>

struct ext_names;

/* NULL without memory.  Directories that cannot be read stay without. */
struct ext_names *ext_names_new(ext2_filsys fs);

/* Writes the path, or "<ino>" if the inode has none or a too long one. */
void ext_names_path(const struct ext_names *names, ext2_ino_t ino, char *buf,
                    size_t size);

/* Whether the directories of its path may be passed by everybody; not if it has
 * no name. */
bool ext_names_public(const struct ext_names *names, ext2_ino_t ino);

void ext_names_free(struct ext_names *names);

#endif
