/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ext_check: whether an ext superblock describes a file system that can be.
 *
 * libext2fs divides by, shifts by and sizes its memory by what a superblock
 * says, and checks less of it than it uses.  The guest writes the superblock,
 * so all of that is looked at here, before the library sees it.
 */
#ifndef FSPARSE_EXT_CHECK_H
#define FSPARSE_EXT_CHECK_H

#include <ext2fs/ext2_fs.h>
#include <stdint.h>

/*
 * sb: as it lies on the disk; length: of the partition, in bytes.  Returns
 * NULL if the geometry is one that mke2fs makes and its tables fit into the
 * partition; else what is wrong, as a note for people.  Features are not
 * judged, nor is a file system that is larger than its partition.
 */
const char *ext_check(const struct ext2_super_block *sb, uint64_t length);

#endif
