/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ways to the data of an image that bypass the devices that are traced, or
 * lead there too late: another loop device on the file; a process that has the
 * file open for writing (QEMU with an emulated disk); a process that writes
 * through the page cache of one of the devices, of a partition, of the whole
 * disk, or of a device that is stacked on it.  Such an image cannot be tracked.
 *
 * Looking through all processes costs milliseconds, and the guest may be
 * standing still.  Where the image is a file, the kernel tells (inotify) when
 * the file or a loop device on it is opened.  Processes are looked through only
 * then, and for a while after, as a descriptor may be on its way from one
 * process to another.  The kernel also tells of a writer that came and went in
 * between.  A block device has nodes in more than one place, so there processes
 * are looked through each time.
 *
 * What cannot be seen from here is listed in devices.h.
 */
#ifndef PLUGIN_TRACK_BYPASS_H
#define PLUGIN_TRACK_BYPASS_H

#include "plugin/track/devices.h"

struct bypass {
    bool file;              /* there is a regular file, the image or below */
    dev_t dev;              /* of that file */
    ino_t ino;
    int inotify;            /* -1: none */
    int watched_file;       /* the file's number there */
    /* By monotonic_ms().  Until then processes are looked through, and loop
     * devices are counted, with every check; later, only after an event. */
    uint64_t look_until, count_until;
};

/* Nothing is open; bypass_close() may be called. */
#define BYPASS_INIT { .inotify = -1 }

/* -ENOTSUP with a reason if there is such a way, and still is after a second:
 * who opens a device for a moment (losetup, a scan) is waited for.  b is for
 * bypass_close() when it returns 0. */
int bypass_open(struct bypass *b, const struct track_devices *devs,
                char *why, size_t why_size);
void bypass_close(struct bypass *b);

/* -EIO with a reason if there is a way now, or was one since the last call.  A
 * process that hangs in the kernel may make the call hang. */
int bypass_check(struct bypass *b, const struct track_devices *devs,
                 char *why, size_t why_size);

#endif
