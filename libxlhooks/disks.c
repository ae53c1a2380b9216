/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This tells the helper about domains and their disks, in libxl's own words.
 *
 * A configuration as libxl stores it is what the admin wrote: the format is
 * known (it is "raw" unless given), the backend is usually "unknown", because
 * libxl chooses it anew each time.  A running domain's entry in xenstore
 * knows the backend and its domain, but not the format.  So both are read.
 * What only xenstore knows is sent by attached.c.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libxlhooks/disks.h"
#include "libxlhooks/helper.h"
#include "libxlhooks/libxl_calls.h"
#include "plugin/xl/control.h"

#define INCOMING "--incoming"   /* xl's suffix, until the guest runs */

int disks_send_begin(int control, const libxl_domain_create_info *info,
                     const uint32_t *domid)
{
    char uuid[LIBXL_UUID_FMTLEN + 1], id[16], *name;
    size_t n;
    int rc;

    name = strdup(info->name ? info->name : "");
    if (!name)
        return hook_told(-ENOMEM);
    n = strlen(name);
    snprintf(uuid, sizeof(uuid), LIBXL_UUID_FMT, LIBXL_UUID_BYTES(info->uuid));
    if (domid) {
        snprintf(id, sizeof(id), "%" PRIu32, *domid);
        rc = control_send(control, "begin", "uuid", uuid, "name", name,
                          "domid", id, NULL);
    } else {
        if (n > strlen(INCOMING) &&
            !strcmp(name + n - strlen(INCOMING), INCOMING))
            name[n - strlen(INCOMING)] = '\0';
        rc = control_send(control, "begin", "uuid", uuid, "name", name, NULL);
    }
    free(name);
    return hook_told(rc);
}

static const libxl_device_disk *find_vdev(const libxl_device_disk *list,
                                          int num, const char *vdev)
{
    int i;

    for (i = 0; vdev && i < num; i++)
        if (list[i].vdev && !strcmp(list[i].vdev, vdev))
            return &list[i];
    return NULL;
}

/* A backend given by name, as driver domains are, has no number in the
 * configuration yet.  One that cannot be found is certainly not this domain:
 * INVALID_DOMID keeps the helper off a disk that is not here. */
static uint32_t backend_domid(libxl_ctx *ctx, const libxl_device_disk *disk)
{
    uint32_t domid;

    if (!disk->backend_domname)
        return disk->backend_domid;
    if (real.libxl_domain_qualifier_to_domid(ctx, disk->backend_domname,
                                             &domid))
        return INVALID_DOMID;
    return domid;
}

int disks_send(int control, libxl_ctx *ctx, const libxl_domain_config *config,
               const libxl_device_disk *running, int num_running)
{
    const libxl_device_disk *disk, *live;
    char domid[16];
    int i, rc = 0;

    for (i = 0; !rc && i < config->num_disks; i++) {
        disk = &config->disks[i];
        live = find_vdev(running, num_running, disk->vdev);
        snprintf(domid, sizeof(domid), "%" PRIu32,
                 live ? live->backend_domid : backend_domid(ctx, disk));
        rc = control_send(control, "disk",
                          "vdev", disk->vdev,
                          "path", disk->pdev_path,
                          "format",
                          real.libxl_disk_format_to_string(disk->format),
                          "backend",
                          real.libxl_disk_backend_to_string(
                              live ? live->backend : disk->backend),
                          "mode", disk->readwrite ? "w" : "r",
                          "cdrom", disk->is_cdrom ? "1" : "0",
                          "script", disk->script,
                          "backend_domid", domid, NULL);
    }
    return hook_told(rc);
}
