/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which disks of a guest can be moved. */
#ifndef PLUGIN_XL_GUESTDISK_H
#define PLUGIN_XL_GUESTDISK_H

#include <stdbool.h>
#include <stddef.h>

/* A disk as libxl knows it; strings may be NULL. */
struct guest_disk {
    const char *vdev;
    const char *path;
    const char *format;
    const char *script;
    bool elsewhere;             /* its backend is in another domain */
};

/* 0, or -ENOTSUP: it cannot be moved; then cause (size bytes) says why, and
 * *way_r, a constant, what to do.  Logs nothing. */
int guest_disk_explain(const struct guest_disk *d, char *cause, size_t size,
                       const char **way_r);

/* The same, and logs them. */
int guest_disk_check(const struct guest_disk *d);

/* Logs that a CD-ROM stays here. */
void guest_disk_say_cdrom(const struct guest_disk *d, const char *host);

#endif
