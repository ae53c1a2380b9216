/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mark: by what an image shows, without being read, that nobody has written
 * to it since a certain moment.
 *
 * A file's mark is its size, inode and modification time.  Its device is not
 * part of it: device mapper and loop number theirs anew at every boot.
 *
 * A block device has no such thing.  Its mark is its size, the kernel's number
 * of this device's life (diskseq), the sectors written through it, and the
 * boot in which that was counted: an unchanged device is known as such until
 * the host boots again.  (Nothing on the device would tell more: an ext4
 * superblock says when it was mounted, a NTFS one nothing, and raw data has
 * none.)  Writes that went past the device, as those to a partition of it or
 * by another host, do not show.
 *
 * So a mark is a hint: what is taken from an image is hashed as it is copied.
 */
#ifndef PLUGIN_MARK_H
#define PLUGIN_MARK_H

#include <stdbool.h>
#include <stdint.h>

#define MARK_BOOT 16                /* bytes */

struct mark {
    bool block;
    uint64_t size;
    /* Of a file; else 0. */
    uint64_t ino;
    int64_t mtime_ns;
    /* Of a device; else 0. */
    uint64_t diskseq;
    uint64_t written;               /* sectors */
    uint8_t boot[MARK_BOOT];
};

/* Of what is at path now.  Negative errno, -ENOTBLK for what is neither a
 * file nor a block device.  Logs nothing. */
int mark_of(const char *path, struct mark *m_r);

bool mark_same(const struct mark *a, const struct mark *b);

#endif
