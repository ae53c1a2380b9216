/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which disks of a guest can be moved; see guestdisk.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/image/vbd.h"
#include "plugin/xl/guestdisk.h"

static int refuse(const char *vdev, const char *cause, const char *way_out)
{
    log_error("disk %s: %s; %s", vdev, cause, way_out);
    return -ENOTSUP;
}

int guest_disk_check(const struct guest_disk *d)
{
    const char *vdev = d->vdev, *path = d->path;
    char cause[512];

    if (!vbd_name_is_one(vdev))
        return refuse(vdev, "this is no name of a virtual device",
                      "name a configuration with -C in which it has one");
    if (d->format && strcmp(d->format, "raw")) {
        snprintf(cause, sizeof(cause), "its format is %s, only raw images "
                 "can be moved", d->format);
        return refuse(vdev, cause, "convert it with 'qemu-img convert -O "
                      "raw', or put it on shared storage");
    }
    if (d->script && *d->script) {
        snprintf(cause, sizeof(cause), "it is attached by the block script "
                 "%s", d->script);
        return refuse(vdev, cause, "put such storage on both hosts and "
                      "migrate without --dedup");
    }
    if (d->elsewhere)
        return refuse(vdev, "its backend is in another domain",
                      "only disks served by dom0 can be moved");
    if (!path || path[0] != '/')
        return refuse(vdev, "it has no path in dom0",
                      "only files and block devices can be moved");
    if (access(path, R_OK)) {
        snprintf(cause, sizeof(cause), "%s: %s", path, strerror(errno));
        return refuse(vdev, cause, "the guest must have been started with "
                      "another path; name a configuration with -C");
    }
    return 0;
}

void guest_disk_say_cdrom(const struct guest_disk *d, const char *host)
{
    if (d->path && *d->path)
        log_info("disk %s: the CD-ROM %s is not moved; %s must have it",
                 d->vdev, d->path, host);
}
