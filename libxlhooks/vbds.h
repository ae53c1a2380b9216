/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The disks of domains as they are attached, by xenstore.
 *
 * Libxl keeps what it has attached below /libxl, where no guest writes, and
 * has its own lists from there; here it is read without libxl, whose lists are
 * arrays of structs.
 *
 * Sources: Xen's docs/misc/xenstore-paths.pandoc, io/blkif.h.
 * Trusts: this host's xenstore where only dom0 writes.
 */
#ifndef LIBXLHOOKS_VBDS_H
#define LIBXLHOOKS_VBDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xenstore.h>

/* One disk; a string that xenstore does not have is NULL. */
struct vbd {
    struct vbd *next;
    char *vdev;                 /* "xvda" */
    char *path;                 /* what it was given; an empty drive has "" */
    char *kind;                 /* "phy", "qdisk" */
    char *backend;              /* the backend's directory */
    uint32_t backend_domid;
    char *params;               /* the backend's */
    char *device;               /* its "physical-device", "7:1f" */
    bool writable;              /* unless it says that it is not */
    bool cdrom;
};

/* For xs_close(); NULL, logged, if xenstore does not answer. */
struct xs_handle *vbds_open(void);

/* These return 0, -ENOMEM, or -EIO (logged) if xenstore does not answer.  The
 * list of a domain's disks is for vbds_free(), the numbers of all domains that
 * libxl has attached anything to are for free(). */
int vbds_read(struct xs_handle *xs, uint32_t domid, struct vbd **list_r);
int vbds_domains(struct xs_handle *xs, uint32_t **domids_r, size_t *num_r);

/* The disk of this name, or NULL. */
const struct vbd *vbds_find(const struct vbd *list, const char *vdev);
void vbds_free(struct vbd *list);

/* The process that serves what QEMU does, the same for all disks of a domain,
 * for free(); NULL if xenstore does not tell. */
char *vbds_device_model(struct xs_handle *xs, uint32_t domid);

#endif
