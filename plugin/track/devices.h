/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block devices through which an image is written: what tracker.c has to
 * trace, and whether they are still what they were, by sysfs and the devices'
 * ioctls.  Whether they are the only way to the data is for bypass.h.
 *
 * Sources: Documentation/ABI/stable/sysfs-block, linux/loop.h, linux/fs.h
 * (BLKGETDISKSEQ), Documentation/admin-guide/iostats.rst.
 *
 * The devices are held open: a loop device that is detached meanwhile goes
 * when they are closed, and cannot be set up on another file before.
 *
 * What cannot be seen from here is taken for granted: that no other host writes
 * to the storage; that nobody writes to what lies below a block device (the
 * physical volume under an LV) while it is used; that no process keeps a
 * writable mapping of an image file, or of such a device, without a descriptor;
 * and that no file system on such a device is mounted here.
 */
#ifndef PLUGIN_TRACK_DEVICES_H
#define PLUGIN_TRACK_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/image/image.h"

#define TRACK_DEVICES_MAX 8

struct track_device {
    char name[32];          /* the kernel's: "loop3", "dm-0", "sda1" */
    int fd;                 /* read-only, O_DIRECT */
    int stat_fd;            /* sysfs "stat": the disk's if by_completion */
    uint64_t dev;           /* as traces have it: major << 20 | minor */
    uint64_t disk_dev;      /* the whole disk's; equal to dev if it is one */
    uint64_t start;         /* of a partition in its disk, sectors */
    uint64_t size;          /* bytes of the device */
    uint64_t sequence;      /* changes when a loop is set up anew; 0: none */
    uint64_t loop_offset;   /* where a loop begins in its file */
    uint64_t iostats;       /* sysfs queue/iostats */
    bool loop;
    bool hardware;          /* may be sent commands that are no block I/O */
    /* Completed requests say exactly what was written: the driver takes
     * requests, not bare bios, and none that discard several ranges. */
    bool by_completion;
};

struct track_devices {
    struct track_device dev[TRACK_DEVICES_MAX];
    size_t n;
    const struct image *img;        /* borrowed */
};

/* Finds and opens what serves the image, which is borrowed until
 * track_devices_close().  -ENOTSUP with a reason if nothing does. */
int track_devices_open(struct track_devices *devs, const struct image *img,
                       char *why, size_t why_size);
void track_devices_close(struct track_devices *devs);

/* -EIO with a reason unless everything is still as it was opened. */
int track_devices_check(const struct track_devices *devs, char *why,
                        size_t why_size);

/* The functions below return 0 or a negative errno: sysfs does not tell. */

/* Sectors written or discarded, and read (read_r may be NULL), as the
 * statistics count them: those of the disk if by_completion, else those of
 * the device alone.  A driver without requests may keep none, and
 * queue/iostats does not tell (device-mapper of Linux 6.1 says 0 and keeps
 * them): that is to be tried. */
int track_device_accounted(const struct track_device *dev,
                           uint64_t *written_r, uint64_t *read_r);

/* Writes in flight.  Where the driver takes requests, only those count that it
 * has begun; those that wait for it do not. */
int track_device_in_flight(const struct track_device *dev,
                           uint64_t *writes_r);

/* Whether the device is suspended (device-mapper): what is submitted waits in
 * it then, and is neither accounted nor in flight. */
int track_device_suspended(const struct track_device *dev,
                           bool *suspended_r);

#endif
