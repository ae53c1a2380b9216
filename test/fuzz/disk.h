/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images of disks, and what the parser makes of them: all of it runs in this
 * process, without a sandbox.
 *
 * A fuzzer shall not waste its time with zeros, so its input has only what is
 * not zero: u8 flags, u16 size of the image in KiB, and then pieces: u8 kind,
 * u16 first sector of 512 bytes, u8 how many sectors (0: one), and
 *   kind & 3 = 0: these sectors; 1: one byte, which fills them;
 *   2: the table that a target has, as much as there is of it; 3: of one
 *   sector, u8 how many words of four bytes it begins with, these, and its
 *   last two bytes.
 */
#ifndef TEST_FUZZ_DISK_H
#define TEST_FUZZ_DISK_H

#include "fsparse/emit.h"
#include "test/fuzz/fuzz.h"

enum disk_flag {
    DISK_FREE = 1 << 0,         /* what is free is asked for, too */
    DISK_SUMS = 1 << 1,         /* checksums are made right (target's) */
};

/* Finds what lies on the image, and emits it. */
typedef void disk_parser(int fd, uint64_t size, bool free_too,
                         struct emit *e);

struct disk {
    int fd;
    uint64_t size;
    uint8_t flags;
};

/* Makes the image; table: length bytes, or NULL. */
void disk_make(struct disk *d, struct fuzz_input *in, const void *table,
               size_t length);
/* Has it parsed, makes a map of it and checks that, and closes it. */
void disk_check(struct disk *d, disk_parser *parse);

/* Says that all of the image is one partition, which is a window for the
 * parsers of file systems. */
void disk_announce(struct emit *e, uint64_t size, const char *fstype);

#endif
