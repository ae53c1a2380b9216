/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This tells the helper which disks a domain has, as they are attached: libxl's
 * list of them, and from xenstore what libxl does not list, above all the
 * block device that the kernel's backend serves.  That device is the guest's
 * disk; what lies at the disk's path by now may be something else.
 *
 * Sources: Xen's docs/misc/xenstore-paths.pandoc, io/blkif.h.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libxlhooks/attached.h"
#include "libxlhooks/helper.h"
#include "libxlhooks/libxl_calls.h"
#include "plugin/xl/control.h"

#define NO_STORE "cannot ask xenstore: %s"

/* -EIO has been logged where it arose. */
static int told(int rc)
{
    return rc == -EIO ? rc : hook_told(rc);
}

static struct xs_handle *open_store(void)
{
    struct xs_handle *xs = real.xs_open(0);

    if (!xs)
        hook_log(NO_STORE, strerror(errno));
    return xs;
}

/* For free(); NULL if there is no such node, which is what most have. */
static char *read_node(struct xs_handle *xs, const char *directory,
                       const char *node)
{
    char path[XENSTORE_ABS_PATH_MAX + 1];
    unsigned length;
    int n = snprintf(path, sizeof(path), "%s/%s", directory, node);

    if (n < 0 || (size_t)n >= sizeof(path))
        return NULL;
    return real.xs_read(xs, XBT_NULL, path, &length);
}

/* The directory of a disk's backend, for free(); NULL if it has none. */
static char *backend_of(libxl_ctx *ctx, uint32_t domid,
                        const libxl_device_disk *disk)
{
    libxl_diskinfo info;
    char *backend = NULL;

    real.libxl_diskinfo_init(&info);
    if (!real.libxl_device_disk_getinfo(ctx, domid, disk, &info) &&
        info.backend)
        backend = strdup(info.backend);
    real.libxl_diskinfo_dispose(&info);
    return backend;
}

/* The process that serves what QEMU does; the same for all of its disks. */
static char *device_model(struct xs_handle *xs, uint32_t domid)
{
    char directory[64];

    snprintf(directory, sizeof(directory), "/local/domain/%" PRIu32, domid);
    return read_node(xs, directory, "image/device-model-pid");
}

static int send_disk(int control, libxl_ctx *ctx, struct xs_handle *xs,
                     uint32_t domid, const libxl_device_disk *disk,
                     const char *pid)
{
    char *backend = backend_of(ctx, domid, disk), *device, *params;
    char backend_domid[16];
    int rc;

    if (!backend) {
        hook_log("disk %s: xenstore does not tell what serves it",
                 disk->vdev ? disk->vdev : "?");
        return -EIO;
    }
    snprintf(backend_domid, sizeof(backend_domid), "%" PRIu32,
             disk->backend_domid);
    device = read_node(xs, backend, "physical-device");
    params = read_node(xs, backend, "params");
    rc = control_send(control, "attached",
                      "vdev", disk->vdev,
                      "path", disk->pdev_path,
                      "params", params,
                      "backend", real.libxl_disk_backend_to_string(
                          disk->backend),
                      "backend_domid", backend_domid,
                      "device", device,
                      "mode", disk->readwrite ? "w" : "r",
                      "cdrom", disk->is_cdrom ? "1" : "0",
                      "pid", pid, NULL);
    free(params);
    free(device);
    free(backend);
    return rc;
}

int attached_send(int control, libxl_ctx *ctx, uint32_t domid)
{
    libxl_device_disk *disks;
    struct xs_handle *xs = open_store();
    int i, num = 0, rc = 0;
    char *pid;

    if (!xs)
        return -EIO;
    pid = device_model(xs, domid);
    /* NULL if there are none, or if it fails: then the helper misses them. */
    disks = real.libxl_device_disk_list(ctx, domid, &num);
    for (i = 0; !rc && disks && i < num; i++)
        rc = send_disk(control, ctx, xs, domid, &disks[i], pid);
    if (disks)
        real.libxl_device_disk_list_free(disks, num);
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

static int send_busy_disk(int control, libxl_ctx *ctx, struct xs_handle *xs,
                          uint32_t domid, const libxl_device_disk *disk,
                          const char *name)
{
    /* Without a backend, the domain is just going away. */
    char *backend = backend_of(ctx, domid, disk);
    char *device = backend ? read_node(xs, backend, "physical-device") : NULL;
    char id[16];
    int rc;

    snprintf(id, sizeof(id), "%" PRIu32, guest_of(ctx, domid));
    rc = control_send(control, "busy", "path", disk->pdev_path, "domid", id,
                      "name", name, "vdev", disk->vdev, "device", device,
                      "mode", disk->readwrite ? "w" : "r", NULL);
    free(device);
    free(backend);
    return rc;
}

static int send_busy_domain(int control, libxl_ctx *ctx, struct xs_handle *xs,
                            uint32_t domid)
{
    libxl_device_disk *disks;
    int i, num = 0, rc = 0;
    char *name;

    disks = real.libxl_device_disk_list(ctx, domid, &num);
    if (!disks)
        return 0;
    name = real.libxl_domid_to_name(ctx, domid);
    for (i = 0; !rc && i < num; i++)
        if (disks[i].pdev_path && *disks[i].pdev_path)
            rc = send_busy_disk(control, ctx, xs, domid, &disks[i], name);
    free(name);
    real.libxl_device_disk_list_free(disks, num);
    return rc;
}

int attached_send_busy(int control, libxl_ctx *ctx)
{
    libxl_dominfo *domains;
    struct xs_handle *xs;
    int i, num = 0, rc = 0;

    domains = real.libxl_list_domain(ctx, &num);
    if (!domains) {
        hook_log("cannot list the domains of this host");
        return -EIO;
    }
    xs = open_store();
    rc = xs ? 0 : -EIO;
    for (i = 0; !rc && i < num; i++)
        rc = send_busy_domain(control, ctx, xs, domains[i].domid);
    real.libxl_dominfo_list_free(domains, num);
    if (xs)
        real.xs_close(xs);
    return told(rc);
}
