/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stamp: by what an image shows, without being read, that nobody has written
 * to it since a certain moment.
 *
 * A file's stamp is its size, inode, and the times of its last modification and
 * of its last change.  The first can be set to anything (touch -r, a restored
 * backup), the second by the kernel alone, which also sets it for what leaves
 * the content alone: another owner, mode or name.  A file that was renamed has
 * another stamp, then; in doubt a copy counts as written to.
 *
 * A block device has no such thing.  Its stamp is its size, the kernel's number
 * of this device's life (diskseq), the sectors written to and discarded through
 * it, and the boot in which that was counted: an unchanged device is known as
 * such until the host boots again.  (Nothing on the device would tell more: an
 * ext4 superblock says when it was mounted, a NTFS one nothing, and raw data has
 * none.)  Where the kernel does not count (queue/iostats) no two stamps are the
 * same.  What is still in the page cache is not counted yet; writes that went
 * past the device, as those of another host, never are.
 *
 * The number of the device, or of that of a file, is not compared: device
 * mapper and loop number theirs anew at every boot.
 */
#ifndef PLUGIN_IMAGE_STAMP_H
#define PLUGIN_IMAGE_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#define STAMP_BOOT 16                /* bytes */

struct stamp {
    bool block;
    uint64_t size;                  /* bytes */
    uint64_t dev;                   /* st_dev of a file, st_rdev of a device */
    /* Of a file; else 0. */
    uint64_t ino;
    int64_t mtime_ns;
    int64_t ctime_ns;
    /* Of a device; else 0. */
    uint64_t diskseq;
    uint64_t written;               /* sectors of 512 bytes */
    uint8_t boot[STAMP_BOOT];
};

/* Of what is at path now.  Negative errno, -ENOTBLK for what is neither a
 * file nor a block device.  Logs nothing. */
int stamp_of(const char *path, struct stamp *m_r);
/* The same of what fd is open on. */
int stamp_of_fd(int fd, struct stamp *m_r);

/* false: writes are not counted, and it is never the same as another. */
bool stamp_tells(const struct stamp *m);

/* Whether nobody has written in between. */
bool stamp_same(const struct stamp *a, const struct stamp *b);

#endif
