/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Partition: where file systems lie in an image, by libblkid.
 *
 * Finds GPT, MBR with logical partitions, and whatever other tables libblkid
 * knows; without any (or without a usable entry) the whole image is one
 * partition of number 0.  The containers of logical partitions are left out.
 * Entries are cut to the image.
 *
 * A device's table has the device's sectors.  In a file it may have such of
 * 512 or of 4096 bytes, whatever its guest's disk had; those of 512 are tried
 * first, and of two tables that is taken in whose partitions something is
 * recognised.
 *
 * Where libblkid knows more than one file system (a boot loader may well have
 * another's magic number in it), the parsers are asked which of them opens.
 */
#ifndef FSPARSE_PARTITION_H
#define FSPARSE_PARTITION_H

#include <stddef.h>
#include <stdint.h>

#define PARTITION_DOUBT_BYTES 120

struct partition {
    unsigned number;
    uint64_t start;
    uint64_t length;
    const char *note;           /* static */
    char doubt[PARTITION_DOUBT_BYTES];  /* why what the file system calls free
                                   may be another's; "": it is not known to
                                   be.  See tables.h */
    char scheme[16];
    char type[64];
    char fstype[32];
    char label[256];
};

/* The list is the caller's to free().  Returns 0 or a negative errno. */
int partition_list(int fd, uint64_t image_size, struct partition **list_r,
                   size_t *n_r);

#endif
