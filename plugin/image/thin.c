/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Thin volumes of device mapper; see thin.h.  Source: linux/dm-ioctl.h. */
#include "config.h"

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "plugin/image/thin.h"

#define CONTROL "/dev/mapper/control"

/* Room for the tables of more parts than anybody gives a volume. */
struct table {
    struct dm_ioctl io;
    char parts[16384];
};

static bool read_table(dev_t dev, struct table *t)
{
    int fd = open(CONTROL, O_RDWR | O_CLOEXEC);
    bool got;

    if (fd < 0)
        return false;
    memset(t, 0, sizeof(*t));
    t->io.version[0] = DM_VERSION_MAJOR;
    t->io.data_size = sizeof(*t);
    t->io.data_start = sizeof(t->io);
    t->io.flags = DM_STATUS_TABLE_FLAG;
    t->io.dev = dev;
    got = !ioctl(fd, DM_TABLE_STATUS, &t->io) &&
        !(t->io.flags & DM_BUFFER_FULL_FLAG);
    close(fd);
    return got;
}

bool device_is_thin(dev_t dev)
{
    struct dm_target_spec part;
    struct table t;
    uint32_t i, at;

    if (!read_table(dev, &t))
        return false;
    for (i = 0, at = 0; i < t.io.target_count; i++, at = part.next) {
        if (at > sizeof(t.parts) - sizeof(part))
            return false;
        memcpy(&part, t.parts + at, sizeof(part));
        if (strncmp(part.target_type, "thin", sizeof(part.target_type)))
            return false;
    }
    return i > 0;
}
