/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk image that is read: a regular file or a block device.
 *
 * A block device is read with O_DIRECT, because blkback bypasses its page
 * cache: a buffered read could return what an earlier reader had cached.  A
 * file is read through the page cache, which the loop device shares, unless
 * image_bypass_cache() was asked for.
 * Never writes.  Safe for several threads at once.
 */
#ifndef PLUGIN_IMAGE_IMAGE_H
#define PLUGIN_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fsparse/fsparse.h"

struct image {
    char *path;             /* as given, owned */
    int fd;                 /* buffered, for the parser and for holes */
    int direct_fd;          /* O_DIRECT, or -1: it is read through the cache */
    bool block;
    bool solid;             /* a file whose holes are not asked for */
    int sector;             /* what O_DIRECT's ranges and memory must be a
                               multiple of, in bytes */
    uint64_t size;          /* bytes */
    uint64_t end;           /* of a file that is taken for a longer one: what
                               lies past it reads as zeros; else 0 */
    dev_t dev;              /* st_dev of a file, st_rdev of a device */
    ino_t ino;              /* 0 for a device */
    struct fsparse_range *unused;   /* read as zeros, whatever lies there;
                                       ascending, owned */
    size_t n_unused;
};

#define IMAGE_INIT { .fd = -1, .direct_fd = -1 }

/* Opens path read-only.  0 and what image_release() takes, or a negative errno,
 * logged: it is neither a regular file nor a block device, or cannot be
 * read. */
int image_open(struct image *img, const char *path);
/* The same of a name in an open directory.  flags: 0, or O_NOFOLLOW if it may
 * not be a symbolic link; path: what it is called in messages. */
int image_open_at(struct image *img, int directory, const char *name,
                  int flags, const char *path);
void image_release(struct image *img);

/* Reads exactly length bytes at offset (any alignment).  0, or -EIO with a log
 * line if that is not possible; bytes past the end of the image are an
 * error. */
int image_read(const struct image *img, void *buf, size_t length,
               uint64_t offset);

/* Has a file read from its storage, past the page cache, if the kernel
 * promises that it can do so (statx(2), STATX_DIOALIGN). */
void image_bypass_cache(struct image *img);

/* Opens what an image has open once more, with O_DIRECT and these flags.
 * Returns a descriptor or a negative errno. */
int image_open_direct(const struct image *img, int flags);

/* The first byte at or after offset that may be anything but a hole of the
 * file: the image's size if there is none, offset itself if that cannot be
 * told (for a device it never can).  What lies before reads as zeros. */
uint64_t image_next_data(const struct image *img, uint64_t offset);

/* To be called before holes of a source are asked for.  If the file is written
 * to meanwhile, holes count only on a file system that is known to tell the
 * truth about what it has not brought to its storage yet; if nobody writes to
 * it, this brings it there.  Otherwise the image counts as having none, which
 * is logged. */
void image_believe_holes(struct image *img, bool written);

/* Lets the kernel read [offset, offset + length) ahead.  Only a hint. */
void image_will_need(const struct image *img, uint64_t offset,
                     uint64_t length);

/* Drops cached pages of [offset, offset + length), so that the next read
 * returns what lies on the storage, also if it is another program's and goes
 * through the cache.  Only a hint. */
void image_drop_cache(const struct image *img, uint64_t offset,
                      uint64_t length);

#endif
