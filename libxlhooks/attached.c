/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This tells the helper which disks a domain has, as they are attached: what
 * libxl notes of them in xenstore, and what it does not note, above all the
 * block device that the kernel's backend serves.  That device is the guest's
 * disk; what lies at the disk's path by now may be something else.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "libxlhooks/attached.h"
#include "libxlhooks/helper.h"
#include "libxlhooks/libxl_calls.h"
#include "libxlhooks/vbds.h"
#include "plugin/xl/control.h"

/* -EIO has been logged where it arose. */
static int told(int rc)
{
    return rc == -EIO ? rc : hook_told(rc);
}

static int send_disk(int control, const struct vbd *disk, const char *pid)
{
    char backend_domid[16];

    if (!disk->backend || !disk->vdev) {
        hook_log("disk %s: xenstore does not tell what serves it",
                 disk->vdev ? disk->vdev : "?");
        return -EIO;
    }
    snprintf(backend_domid, sizeof(backend_domid), "%" PRIu32,
             disk->backend_domid);
    return control_send(control, "attached",
                        "vdev", disk->vdev,
                        "path", disk->path,
                        "params", disk->params,
                        "backend", disk->kind ? disk->kind : "unknown",
                        "backend_domid", backend_domid,
                        "device", disk->device,
                        "mode", disk->writable ? "w" : "r",
                        "cdrom", disk->cdrom ? "1" : "0",
                        "pid", pid, NULL);
}

int attached_send(int control, uint32_t domid)
{
    struct xs_handle *xs = vbds_open();
    struct vbd *disks = NULL, *d;
    char *pid;
    int rc;

    if (!xs)
        return -EIO;
    pid = vbds_device_model(xs, domid);
    rc = vbds_read(xs, domid, &disks);
    for (d = disks; !rc && d; d = d->next)
        rc = send_disk(control, d, pid);
    vbds_free(disks);
    free(pid);
    real.xs_close(xs);
    return told(rc);
}

/* The disks of a device model in a domain of its own are its guest's. */
static uint32_t guest_of(libxl_ctx *ctx, uint32_t domid)
{
    uint32_t guest;

    return real.libxl_is_stubdom(ctx, domid, &guest) ? guest : domid;
}

/* What is missing in it is: the domain is just going away. */
static int send_busy_disk(int control, const struct vbd *disk, const char *id,
                          const char *name)
{
    return control_send(control, "busy", "path", disk->path, "domid", id,
                        "name", name, "vdev", disk->vdev, "device",
                        disk->device, "mode", disk->writable ? "w" : "r",
                        NULL);
}

static int send_busy_disks(int control, libxl_ctx *ctx, uint32_t domid,
                           const struct vbd *disks)
{
    char id[16], *name;
    int rc = 0;

    /* What a domain that has gone has left in xenstore uses nothing. */
    if (real.libxl_domain_info(ctx, NULL, domid) == RC_DOMAIN_NOTFOUND)
        return 0;
    snprintf(id, sizeof(id), "%" PRIu32, guest_of(ctx, domid));
    name = real.libxl_domid_to_name(ctx, domid);
    for (; !rc && disks; disks = disks->next)
        if (disks->path && *disks->path)
            rc = send_busy_disk(control, disks, id, name);
    free(name);
    return rc;
}

int attached_send_busy(int control, libxl_ctx *ctx)
{
    struct xs_handle *xs = vbds_open();
    struct vbd *disks;
    uint32_t *domids;
    size_t i, num;
    int rc;

    if (!xs)
        return -EIO;
    rc = vbds_domains(xs, &domids, &num);
    if (rc)
        hook_log("cannot list the domains of this host");
    for (i = 0; !rc && i < num; i++) {
        rc = vbds_read(xs, domids[i], &disks);
        if (!rc && disks)
            rc = send_busy_disks(control, ctx, domids[i], disks);
        vbds_free(disks);
    }
    free(domids);
    real.xs_close(xs);
    return told(rc);
}
