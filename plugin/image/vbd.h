/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks that the kernel of this host serves to domains (xen-blkback), as sysfs
 * shows them.  Those that QEMU serves are not among them, and neither are
 * those of another driver domain.
 */
#ifndef PLUGIN_IMAGE_VBD_H
#define PLUGIN_IMAGE_VBD_H

#include <stdbool.h>
#include <sys/types.h>

struct vbd {
    unsigned domid;             /* the domain that has it */
    unsigned long number;       /* its virtual device there */
    dev_t device;               /* what is served */
    bool writable;
};

/* Calls each() for every disk that is served until it returns true.  Returns
 * whether it did; without Xen there are none. */
bool vbd_each(bool (*each)(void *opaque, const struct vbd *v), void *opaque);

/* Whether vdev may be the name of a virtual device at all: letters, digits and
 * slashes, 32 bytes at most.  libxl knows fewer ("xvda", "hdc", "d2p1", a
 * number), but those of another version may be other ones. */
bool vbd_name_is_one(const char *vdev);

/* Tells the number of a virtual device that libxl calls "xvda", "hdc" or
 * "d2p1".  0, or -EINVAL: there is no such name. */
int vbd_number(const char *vdev, unsigned long *number_r);

#endif
