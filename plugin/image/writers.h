/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which process has a regular file, or one of some block devices, open for
 * writing.  From /proc, which must show every process (the first PID
 * namespace, no hidepid for root).
 *
 * A block device that is open with O_DIRECT does not count: what is written
 * so goes to the device at once, like what blkback writes.  Without it, it
 * lies in the device's page cache for as long as the kernel likes.  Not
 * found is who needs no descriptor: the kernel itself (loop devices, blkback,
 * mounts, NFS), and a mapping whose descriptor was closed.  A process that we
 * may not look at is passed over.
 */
#ifndef PLUGIN_IMAGE_WRITERS_H
#define PLUGIN_IMAGE_WRITERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define WRITERS_MAX 64

struct writers {
    struct {
        bool block;
        dev_t dev;          /* st_dev of a file, st_rdev of a device */
        ino_t ino;
    } what[WRITERS_MAX];
    size_t n;
};

/* Adds to the list; false: it is full. */
bool writers_add_file(struct writers *o, dev_t dev, ino_t ino);
bool writers_add_device(struct writers *o, unsigned ma, unsigned mi);

/* 1: who names a process and what it has, 0: there is none, or a negative
 * errno.  Two system calls for every descriptor of every process. */
int writers_find(const struct writers *o, char *who, size_t size);

#endif
