/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block devices of an image, through sysfs: which loop device serves a
 * file, what a device has in flight, its names and its sectors.  Trusts this
 * host's kernel.
 */
#ifndef PLUGIN_IMAGE_BLOCKDEV_H
#define PLUGIN_IMAGE_BLOCKDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "plugin/image/image.h"

/* Whether a loop device is set up on the regular file or block device.  Writes
 * the first one found into name ("/dev/loop3"), cut to size bytes. */
bool loopdev_of(const struct stat *file, char *name, size_t size);

/* Calls each() for every loop device that is set up on the regular file or
 * block device ("loop3") until it returns true.  Returns whether it did. */
bool loopdev_each(const struct stat *file,
                  bool (*each)(void *opaque, const char *kernel_name),
                  void *opaque);

/* What a loop device is set up on. */
struct loop_backing {
    char name[64];              /* of the loop device: "/dev/loop3" */
    char file[4096];            /* the file's path as the kernel has it now:
                                   with " (deleted)" if it has none */
    dev_t dev;                  /* st_dev and st_ino of the file */
    ino_t ino;
    uint64_t offset;            /* in the file, bytes */
    uint64_t limit;             /* that it was given, bytes; 0: none */
    uint64_t size;              /* of the device, bytes */
};

/* Finds what a loop device is set up on.  0 or a negative errno: -ENXIO, if the
 * device is no loop device that is set up; else it cannot be told. */
int loopdev_backing(dev_t device, struct loop_backing *b_r);

/* Writes what people call a block device: "/dev/mapper/vg-disk", "/dev/sda1";
 * its numbers, if this host has no such device. */
void device_name(dev_t device, char *name, size_t size);

struct device_activity {
    uint64_t in_flight;         /* requests, reads and writes */
    uint64_t written;           /* 512-byte sectors since boot, and those that
                                   were discarded */
};

/* Adds up the activity of all devices that serve the image: the device itself,
 * or every loop device on the file.  0, or -ENODEV if there is none. */
int device_activity(const struct image *img, struct device_activity *a_r);

/* Sizes of its sectors, in bytes, that a device tells a guest. */
struct sector_sizes {
    unsigned logical;
    unsigned physical;
};

/* What a file is served with, unless it is set up otherwise. */
#define SECTOR_BYTES 512u

/* The sizes of the device, or the largest of the loop devices on a file; for a
 * file that has none, what it would be served with. */
void image_sectors(const struct image *img, struct sector_sizes *s_r);

#endif
