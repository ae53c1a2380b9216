/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Partition: where file systems lie in an image, by libblkid.
 *
 * Finds GPT, MBR with logical partitions, and whatever other tables libblkid
 * knows; without any (or without a usable entry) the whole image is one
 * partition of number 0.  The containers of logical partitions are left out.
 * Entries are cut to the image.
 */
#ifndef FSPARSE_PARTITION_H
#define FSPARSE_PARTITION_H

#include <stddef.h>
#include <stdint.h>

struct partition {
    unsigned number;
    uint64_t start;
    uint64_t length;
    const char *note;           /* static */
    char scheme[16];
    char type[64];
    char fstype[32];
    char label[256];
};

/* The list is the caller's to free().  Returns 0 or a negative errno. */
int partition_list(int fd, uint64_t image_size, struct partition **list_r,
                   size_t *n_r);

#endif
