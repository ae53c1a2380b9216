/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ways to the data of an image that do not lead through the devices that are
 * traced, or that lead there too late: another loop device on the file; a
 * process that has the file open for writing (QEMU with an emulated disk); a
 * process that writes through the page cache of one of the devices, of a
 * partition, of the whole disk, or of a device that is stacked on it.  Such
 * an image cannot be tracked.
 *
 * To look through all processes costs milliseconds, and the guest may be
 * standing still.  Where the image is a file, the kernel tells (inotify) when
 * the file or a loop device on it is opened, and it is looked only then and
 * for a while after, for a descriptor may be on its way from one process to
 * another.  It also tells of a writer that came and went in between.  A block
 * device has nodes in more than one place, so there it is looked each time.
 *
 * What no one can see from here is listed in devices.h.
 */
#ifndef PLUGIN_TRACK_BYPASS_H
#define PLUGIN_TRACK_BYPASS_H

#include "plugin/track/devices.h"

struct bypass {
    bool file;              /* there is a regular file, the image or below */
    dev_t dev;              /* of that file */
    ino_t ino;
    int watch;              /* inotify, or -1 */
    int watch_file;         /* its number for the file */
    /* ms; after that an event is waited for: before processes are looked
     * through, and before the loop devices are counted. */
    uint64_t look_until, count_until;
};

/* -ENOTSUP with a reason if there is such a way. */
int bypass_open(struct bypass *w, const struct trackdevs *devs,
                   char *why, size_t why_size);
void bypass_close(struct bypass *w);

/* -EIO with a reason if there is one now, or was since the last call.  A
 * process that hangs in the kernel may make it hang. */
int bypass_check(struct bypass *w, const struct trackdevs *devs,
                    char *why, size_t why_size);

#endif
