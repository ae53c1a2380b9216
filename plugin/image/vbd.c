/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What xen-blkback serves; see vbd.h.  Sources: for the entries in sysfs
 * drivers/block/xen-blkback/xenbus.c of the kernel, for the numbers Xen's
 * xen-vbd-interface(7). */
#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "plugin/base/fdio.h"
#include "plugin/image/vbd.h"

#define NAME_MAX_BYTES 32

#define BACKENDS "/sys/bus/xen-backend/devices"

static bool read_attribute(const char *entry, const char *name, char *text,
                           size_t size)
{
    char path[512];

    snprintf(path, sizeof(path), BACKENDS "/%.255s/%s", entry, name);
    return file_read_line(path, text, size);
}

/* Entries are called "vbd-DOMAIN-NUMBER".  One that is not connected to a
 * device yet says "0:0". */
static bool read_vbd(const char *entry, struct vbd *v)
{
    unsigned ma, mi;
    char text[64];

    if (sscanf(entry, "vbd-%u-%lu", &v->domid, &v->number) != 2 ||
        !read_attribute(entry, "physical_device", text, sizeof(text)) ||
        sscanf(text, "%x:%x", &ma, &mi) != 2 || (!ma && !mi))
        return false;
    v->device = makedev(ma, mi);
    /* What cannot be told may be written to. */
    v->writable = !read_attribute(entry, "mode", text, sizeof(text)) ||
        text[0] != 'r';
    return true;
}

bool vbd_each(bool (*each)(void *opaque, const struct vbd *v), void *opaque)
{
    DIR *dir = opendir(BACKENDS);
    struct dirent *e;
    bool stop = false;
    struct vbd v;

    while (dir && !stop && (e = readdir(dir)))
        stop = read_vbd(e->d_name, &v) && each(opaque, &v);
    if (dir)
        closedir(dir);
    return stop;
}

/* Takes "xvdb3" apart: disk 1, partition 3.  Disks are numbered by letters,
 * "z" being followed by "aa". */
static bool matches(const char *vdev, const char *kind, unsigned disks,
                    unsigned partitions, unsigned *disk_r,
                    unsigned *partition_r)
{
    size_t n = strlen(kind);
    const char *p = vdev + n;
    unsigned long disk = 0, partition;
    char *end;

    if (strncmp(vdev, kind, n) || *p < 'a' || *p > 'z')
        return false;
    for (; *p >= 'a' && *p <= 'z' && disk <= disks; p++)
        disk = 26 * disk + (*p - 'a') + 1;
    partition = strtoul(p, &end, 10);
    if (*end || (*p && !isdigit((unsigned char)*p)) || disk > disks ||
        partition >= partitions)
        return false;
    *disk_r = disk - 1;
    *partition_r = partition;
    return true;
}

static unsigned long virtual_number(unsigned disk, unsigned partition)
{
    return disk < 16 && partition < 16 ?
        202ul << 8 | disk << 4 | partition :
        1ul << 28 | (unsigned long)disk << 8 | partition;
}

bool vbd_name_is_one(const char *vdev)
{
    size_t n = strspn(vdev, "abcdefghijklmnopqrstuvwxyz"
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/");

    return n > 0 && n <= NAME_MAX_BYTES && !vdev[n];
}

int vbd_number(const char *vdev, unsigned long *number_r)
{
    unsigned disk, part;
    int n = 0;

    if ((sscanf(vdev, "d%up%u%n", &disk, &part, &n) == 2 && n > 0 &&
         !vdev[n] && disk < 1u << 20 && part < 256) ||
        matches(vdev, "xvd", 1u << 20, 256, &disk, &part))
        *number_r = virtual_number(disk, part);
    else if (matches(vdev, "hd", 4, 64, &disk, &part))
        *number_r = (disk < 2 ? 3ul : 22ul) << 8 | (disk & 1) << 6 | part;
    else if (matches(vdev, "sd", 16, 16, &disk, &part))
        *number_r = 8ul << 8 | disk << 4 | part;
    else
        return -EINVAL;
    return 0;
}
