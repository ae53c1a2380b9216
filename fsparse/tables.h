/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables: whether each partition is its file system's alone.
 *
 * What libblkid lists is compared with all that the sectors of an MBR with its
 * logical partitions, and of a GPT with its backup, say; each of these, and
 * each table's own sectors, belongs to somebody.  Where that reaches into a
 * partition, or where the disk as a whole belongs to something else (dynamic
 * disks, RAID, LVM), what a file system there calls free may be another's.
 */
#ifndef FSPARSE_TABLES_H
#define FSPARSE_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "fsparse/partition.h"

/* Sets `doubt` of those partitions that something else may have a part of. */
void tables_examine(int fd, uint64_t image_size, struct partition *list,
                    size_t n);

#endif
