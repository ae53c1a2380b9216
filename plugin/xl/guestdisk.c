/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which disks of a guest can be moved; see guestdisk.h. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/image/vbd.h"
#include "plugin/xl/guestdisk.h"

/* Sets cause and way out.  The first has room for any of these. */
static int refuse(char *cause, size_t size, const char **way_r,
                  const char *way, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

static int refuse(char *cause, size_t size, const char **way_r,
                  const char *way, const char *fmt, ...)
{
    va_list arguments;

    va_start(arguments, fmt);
    vsnprintf(cause, size, fmt, arguments);
    va_end(arguments);
    *way_r = way;
    return -ENOTSUP;
}

int guest_disk_explain(const struct guest_disk *d, char *cause, size_t size,
                       const char **way_r)
{
    const char *path = d->path;

    if (!vbd_name_is_one(d->vdev))
        return refuse(cause, size, way_r, "name a configuration with -C in "
                      "which it has one",
                      "this is no name of a virtual device");
    if (d->format && strcmp(d->format, "raw"))
        return refuse(cause, size, way_r, "convert it with 'qemu-img convert "
                      "-O raw', or put it on shared storage",
                      "its format is %s, only raw images can be moved",
                      d->format);
    if (d->script && *d->script)
        return refuse(cause, size, way_r, "put such storage on both hosts and "
                      "migrate without --dedup",
                      "it is attached by the block script %s", d->script);
    if (d->elsewhere)
        return refuse(cause, size, way_r, "only disks served by dom0 can be "
                      "moved", "its backend is in another domain");
    if (!path || path[0] != '/')
        return refuse(cause, size, way_r, "only files and block devices can "
                      "be moved", "it has no path in dom0");
    if (access(path, R_OK))
        return refuse(cause, size, way_r, "the guest must have been started "
                      "with another path; name a configuration with -C",
                      "%s: %s", path, strerror(errno));
    return 0;
}

int guest_disk_check(const struct guest_disk *d)
{
    const char *way;
    char cause[512];
    int rc = guest_disk_explain(d, cause, sizeof(cause), &way);

    if (rc)
        log_error("disk %s: %s; %s", d->vdev, cause, way);
    return rc;
}

void guest_disk_say_cdrom(const struct guest_disk *d, const char *host)
{
    if (d->path && *d->path)
        log_info("disk %s: the CD-ROM %s is not moved; %s must have it",
                 d->vdev, d->path, host);
}
