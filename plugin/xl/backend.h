/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Backends: what serves the disks of a running guest, as xenstore has it, and
 * whether an image that is open here is what the guest writes to.
 *
 * A path tells nothing of that: another file may have been given it since the
 * guest was started.  What can be compared:
 *  - a disk of the kernel's backend ("phy") is a block device, whose number
 *    xenstore has.  It is the image, or a loop device on the image, from its
 *    beginning to its end;
 *  - a disk that QEMU serves ("qdisk") is a file or a device that the guest's
 *    device model has open.  If xenstore does not tell which process that is,
 *    there is nothing to compare;
 *  - other backends are taken at their word.
 *
 * Trusts: this host's xenstore where only dom0 writes, sysfs and /proc.
 */
#ifndef PLUGIN_XL_BACKEND_H
#define PLUGIN_XL_BACKEND_H

#include <stdbool.h>

#include "plugin/image/image.h"
#include "plugin/xl/control.h"

#define BACKEND_DEVICE_BYTES 24

/* All that must not change while a guest is moved. */
enum backend_field {
    BACKEND_VDEV,               /* "xvda" */
    BACKEND_PATH,               /* that it was given; an empty drive has none */
    BACKEND_PARAMS,             /* the same with what QEMU wants to know */
    BACKEND_KIND,               /* libxl's word: "phy", "qdisk" */
    BACKEND_DOMAIN,             /* that serves it: "0" */
    BACKEND_DEVICE,             /* "7:1f": major and minor in hexadecimal */
    BACKEND_MODE,               /* "r", "w" */
    BACKEND_CDROM,              /* "1", "0" */
    BACKEND_FIELDS
};

struct backend {
    struct backend *next;
    char *field[BACKEND_FIELDS];    /* none of them NULL, "": has none */
    long pid;                   /* of the guest's device model, or 0 */
};

/* Adds the one that a message "attached" (control.h) tells of.  0, -ENOMEM, or
 * -EPROTO: something is missing in it. */
int backends_add(struct backend **list, const struct control_msg *msg);

/* The backend of this virtual device, or NULL; it stays in the list. */
const struct backend *backends_find(const struct backend *list,
                                    const char *vdev);
void backends_release(struct backend **list);

bool backend_is_cdrom(const struct backend *b);
bool backend_is_writable(const struct backend *b);

/* 0 if these are the same, -ESTALE: something was attached, detached or
 * changed; what it is has been logged. */
int backends_compare(const struct backend *before, const struct backend *now);

/* 0, or -ESTALE unless the image is what the backend serves, of the size that
 * it was opened with, and still at its path; cause and way out have been
 * logged. */
int backend_check(const struct backend *b, const struct image *img);

/* Tells without xenstore which device (as above) this host's kernel serves to a
 * domain as vdev; "" if there is none, or none that can be told. */
void backend_kernel_device(unsigned domid, const char *vdev,
                           char device[BACKEND_DEVICE_BYTES]);
/* 0, or -ESTALE (logged) unless the image is this device, or a loop device's
 * file; 0 for "". */
int backend_check_device(const char *vdev, const struct image *img,
                         const char *device);

/* Whether a disk of another domain, a device (as above) or else a path, is the
 * image or lies on the same file. */
bool backend_shares(const struct image *img, const char *device,
                    const char *path);

/* Logs that another domain writes to a disk, too, and what can be done. */
void backend_say_shared(const char *vdev, const char *path,
                        const char *domain);

#endif
