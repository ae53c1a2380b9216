/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which process has a regular file, or one of some block devices, open for
 * writing.  From /proc, which must show every process (the first PID
 * namespace, no hidepid for root).
 *
 * A block device that is open with O_DIRECT does not count: what is written so
 * goes to the device at once, like what blkback writes; without it, it stays
 * in the device's page cache for as long as the kernel likes.  Writers that
 * need no descriptor are not found: the kernel itself (loop devices, blkback,
 * mounts, NFS), and a mapping whose descriptor was closed.  A process that we
 * may not look at is passed over.
 */
#ifndef PLUGIN_IMAGE_WRITERS_H
#define PLUGIN_IMAGE_WRITERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "plugin/image/node.h"

#define WRITERS_MAX 64

struct writers {
    struct node what[WRITERS_MAX];
    size_t n;
};

/* Adds a file or a device to the list; false: it is full. */
bool writers_add_file(struct writers *w, dev_t dev, ino_t ino);
bool writers_add_device(struct writers *w, unsigned ma, unsigned mi);

/* Looks at every descriptor of every process, with two system calls each; the
 * caller bounds the time (base/timed_call.h).  *found_r: there is such a
 * process, and who (size bytes) names it and what it has open.  0 or a negative
 * errno: /proc cannot be read. */
int writers_find(const struct writers *w, bool *found_r, char *who,
                 size_t size);

#endif
