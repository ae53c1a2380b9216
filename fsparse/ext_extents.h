/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ext_extents: the walk over an inode's tree of extents.
 *
 * The tree is a guest's: it may name any block and have any number of nodes,
 * so the visitor bounds what it does and how often it is called.
 */
#ifndef FSPARSE_EXT_EXTENTS_H
#define FSPARSE_EXT_EXTENTS_H

#include <ext2fs/ext2fs.h>
#include <stdbool.h>

/* Returns whether the walk goes on. */
typedef bool ext_extents_visit(void *opaque,
                               const struct ext2fs_extent *extent);

/* Visits every node below the root once: extents of data, which have
 * EXT2_EXTENT_FLAGS_LEAF, and the blocks that map them.  inode: the one with
 * the number ino, of full size.  Returns 0 if the visitor ended it, too, or
 * libext2fs' error. */
errcode_t ext_extents(ext2_filsys fs, ext2_ino_t ino, struct ext2_inode *inode,
                      ext_extents_visit *visit, void *opaque);

#endif
