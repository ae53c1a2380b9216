/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether an image is still what it was: a stamp is what an image shows,
 * without being read, of the writes to it.  If it is the same later, nobody has
 * written in between.
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
 * ext4 superblock says when it was mounted, a NTFS one nothing, and raw data
 * has none.)  Where the kernel does not count (queue/iostats) no two stamps are
 * the same.  What is still in the page cache is not counted yet; writes that
 * went past the device, as those of another host, never are.
 *
 * The number of the device, or of that of a file, is not compared: device
 * mapper and loop number theirs anew at every boot.
 */
#ifndef PLUGIN_IMAGE_STAMP_H
#define PLUGIN_IMAGE_STAMP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "plugin/image/image.h"

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

/* Takes the stamp of what is at path, or of what fd is open on, as it is now.
 * 0 or a negative errno: -ENOTBLK for what is neither a file nor a block
 * device.  Logs nothing. */
int stamp_of(const char *path, struct stamp *s_r);
int stamp_of_fd(int fd, struct stamp *s_r);

/* Whether the stamp tells of writes.  If it does not, as writes to that device
 * are not counted, it is never the same as another one. */
bool stamp_tells(const struct stamp *s);

/* Whether nobody has written in between. */
bool stamp_same(const struct stamp *a, const struct stamp *b);

/* The same of a file that has been renamed since `then` was taken, shortly
 * before: that is a change of the file, though not of its content. */
bool stamp_same_renamed(const struct stamp *then, const struct stamp *now);

/* Whether a status (stat(2)) is that of the same regular file as before, and
 * nobody has written to it since.  renamed: our own doing, which may be long
 * ago, so that the time of its last change says nothing.  Nothing can be lost
 * with an empty file: its owner may have been changed, too. */
bool stamp_file_same(const struct stat *then, const struct stat *now,
                     bool renamed);

/*
 * What tells that an image which a guest has was written to while it is looked
 * at: the sectors written through its device, or through the loop devices that
 * serve a file, and the stamp.
 */
struct write_stamp {
    uint64_t written;               /* 0, if no device counts */
    struct stamp file;
};

/* Takes the write stamp of an image.  *in_flight_r: the number of requests that
 * are under way, in the light of which the next stamp must be read: they may
 * write after this one.  0 or a negative errno. */
int write_stamp_take(const struct image *img, struct write_stamp *s_r,
                     uint64_t *in_flight_r);

/* Takes the write stamp if it will tell of the next write: nothing is in
 * flight, a device counts, and a file's time is not one that the next write may
 * have as well.  False: it will not, or it cannot be taken, and *s_r is as it
 * was. */
bool write_stamp_take_at_rest(const struct image *img,
                              struct write_stamp *s_r);

/* Whether nobody has written in between.  Devices go by the sectors alone:
 * where those are not counted, stamps would never be the same. */
bool write_stamp_equal(const struct write_stamp *a,
                       const struct write_stamp *b);

/* Which regular file is at path, as a text that another host which shares the
 * storage gives as well; for free().  NULL: none is there, or no memory.  Less
 * certain than to write something and look for it: a false "no" is possible. */
char *stamp_text(const char *path);
/* Whether such a text is that of the file at path. */
bool stamp_text_is(const char *path, const char *text);

#endif
