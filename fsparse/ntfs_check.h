/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ntfs_check: whether an NTFS volume's first bytes, and a record of its $MFT,
 * are such that libntfs-3g can be let at them.
 *
 * The library sizes, shifts and divides by the boot sector's numbers and
 * follows a record's offsets before it has looked at all of them.  The guest
 * writes both.
 */
#ifndef FSPARSE_NTFS_CHECK_H
#define FSPARSE_NTFS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NTFS_CHECK_BOOT_BYTES 512u
#define NTFS_CHECK_RECORD_MAX (64u << 10)   /* bytes; offsets have 16 bits */

struct ntfs_geometry {
    uint64_t cluster;           /* bytes */
    uint64_t clusters;          /* how many the volume has */
    uint64_t mft, mirror;       /* where they begin, in clusters */
    uint32_t record;            /* bytes of one of $MFT */
};

/* Takes the boot sector of a volume in a partition of length bytes apart.
 * Returns NULL, or what is wrong with it, as a note for people. */
const char *ntfs_check_boot(const uint8_t boot[NTFS_CHECK_BOOT_BYTES],
                            uint64_t length, struct ntfs_geometry *g);

/* The same of $MFT's own record as it lies on the disk, of g->record bytes;
 * record is changed by it. */
const char *ntfs_check_mft(uint8_t *record, const struct ntfs_geometry *g);

/* Whether a record of size bytes, whose sectors' ends have been put in place,
 * is well-formed: its attributes follow each other up to its end, and names,
 * values and lists of runs lie within them. */
bool ntfs_check_record(const uint8_t *record, size_t size);

#endif
