/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The devices through which an image is written; see devices.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/image/blockdev.h"
#include "plugin/track/devices.h"

#ifndef BLKGETDISKSEQ
#define BLKGETDISKSEQ _IOR(0x12, 128, __u64)
#endif

static uint64_t kernel_dev(unsigned ma, unsigned mi)
{
    return (uint64_t)ma << 20 | mi;
}

/* Opens a sysfs file of the device or, up: "../", of a partition's disk. */
static int sysfs_open(uint64_t dev, const char *up, const char *name)
{
    char path[128];
    int fd;

    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s%s",
             (unsigned)(dev >> 20), (unsigned)(dev & 0xfffff), up, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int read_at(int fd, char *text, size_t size)
{
    ssize_t n = pread(fd, text, size - 1, 0);

    if (n < 0)
        return -errno;
    text[n] = '\0';
    return 0;
}

static int sysfs_text(uint64_t dev, const char *up, const char *name,
                      char *text, size_t size)
{
    int fd = sysfs_open(dev, up, name), rc;

    if (fd < 0)
        return fd;
    rc = read_at(fd, text, size);
    close(fd);
    return rc;
}

static int sysfs_number(uint64_t dev, const char *up, const char *name,
                        uint64_t *n_r)
{
    char text[64];
    int rc = sysfs_text(dev, up, name, text, sizeof(text));

    if (!rc && sscanf(text, "%" SCNu64, n_r) != 1)
        rc = -EINVAL;
    return rc;
}

static bool sysfs_has(uint64_t dev, const char *up, const char *name)
{
    int fd = sysfs_open(dev, up, name);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static const char *up_of(const struct track_device *d)
{
    return d->dev == d->disk_dev ? "" : "../";
}

/* What the device is, from its open descriptor and sysfs. */
static int examine(struct track_device *d, char *why, size_t size)
{
    unsigned ma, mi;
    char text[64];
    uint64_t n;
    bool mq;

    d->disk_dev = d->dev;
    if (sysfs_has(d->dev, "", "partition")) {
        if (sysfs_text(d->dev, "../", "dev", text, sizeof(text)) ||
            sscanf(text, "%u:%u", &ma, &mi) != 2 ||
            sysfs_number(d->dev, "", "start", &d->start))
            return explain(why, size, -ENOTSUP, "%s: a partition of an "
                           "unknown disk", d->name);
        d->disk_dev = kernel_dev(ma, mi);
    }
    d->hardware = sysfs_has(d->dev, up_of(d), "device");
    mq = sysfs_has(d->dev, up_of(d), "mq");
    d->by_completion = mq &&
        !sysfs_number(d->dev, up_of(d), "queue/max_discard_segments", &n) &&
        n <= 1;
    if (ioctl(d->fd, BLKGETSIZE64, &d->size))
        return explain(why, size, -ENOTSUP, "%s: no size: %s", d->name,
                       strerror(errno));
    if (ioctl(d->fd, BLKGETDISKSEQ, &d->sequence))
        d->sequence = 0;
    if (sysfs_number(d->dev, up_of(d), "queue/iostats", &d->iostats) ||
        (mq && !d->iostats))
        return explain(why, size, -ENOTSUP, "%s: the kernel keeps no "
                       "statistics (queue/iostats)", d->name);
    return 0;
}

static int add_device(struct track_devices *devs, const char *path,
                      uint64_t dev, char *why, size_t size)
{
    struct track_device *d = &devs->dev[devs->n];
    struct stat st;
    int rc;

    if (devs->n == TRACK_DEVICES_MAX)
        return explain(why, size, -ENOTSUP,
                       "more than %d devices serve the image",
                       TRACK_DEVICES_MAX);
    *d = (struct track_device){ .stat_fd = -1, .dev = dev };
    snprintf(d->name, sizeof(d->name), "%s", path_basename(path));
    d->fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (d->fd < 0 || fstat(d->fd, &st))
        return explain(why, size, -ENOTSUP, "%s: %s", path, strerror(errno));
    devs->n++;                          /* closed by the caller from here on */
    if (!d->dev)
        d->dev = kernel_dev(major(st.st_rdev), minor(st.st_rdev));
    rc = examine(d, why, size);
    if (rc)
        return rc;
    d->stat_fd = sysfs_open(d->dev, d->by_completion ? up_of(d) : "", "stat");
    if (d->stat_fd < 0)
        return explain(why, size, -ENOTSUP, "%s: no statistics: %s", d->name,
                       strerror(-d->stat_fd));
    return 0;
}

static int loop_status(int fd, struct loop_info64 *info)
{
    return ioctl(fd, LOOP_GET_STATUS64, info) ? -errno : 0;
}

struct search {
    struct track_devices *devs;
    char *why;
    size_t size;
    int rc;
};

static bool add_loop(void *opaque, const char *kernel_name)
{
    struct search *s = opaque;
    struct loop_info64 info;
    struct track_device *d;
    char path[64];

    snprintf(path, sizeof(path), "/dev/%.32s", kernel_name);
    s->rc = add_device(s->devs, path, 0, s->why, s->size);
    if (s->rc)
        return true;
    d = &s->devs->dev[s->devs->n - 1];
    d->loop = true;
    s->rc = loop_status(d->fd, &info);
    if (!s->rc && info.lo_flags & LO_FLAGS_AUTOCLEAR)
        s->rc = -ENODEV;                /* somebody has detached it */
    if (s->rc)
        explain(s->why, s->size, 0, "%s: %s", path, strerror(-s->rc));
    if (s->rc)
        s->rc = -ENOTSUP;
    d->loop_offset = info.lo_offset;
    return s->rc;
}

int track_devices_open(struct track_devices *devs, const struct image *img,
                       char *why, size_t why_size)
{
    struct search s = { devs, why, why_size, 0 };
    struct stat st;
    int rc;

    devs->n = 0;
    devs->img = img;
    if (img->block) {
        rc = add_device(devs, img->path,
                        kernel_dev(major(img->dev), minor(img->dev)), why,
                        why_size);
    } else {
        rc = fstat(img->fd, &st) ? -errno : 0;
        if (!rc)
            loopdev_each(&st, add_loop, &s);
        rc = rc ? rc : s.rc;
        if (!rc && !devs->n)
            rc = explain(why, why_size, -ENOTSUP,
                         "no loop device serves the file");
    }
    if (rc)
        track_devices_close(devs);
    return rc;
}

void track_devices_close(struct track_devices *devs)
{
    while (devs->n) {
        struct track_device *d = &devs->dev[--devs->n];

        close(d->fd);
        if (d->stat_fd >= 0)
            close(d->stat_fd);
    }
}

static int check_device(const struct track_devices *devs,
                        const struct track_device *d, char *why,
                        size_t why_size)
{
    struct loop_info64 info;
    uint64_t size, sequence, iostats;

    if (ioctl(d->fd, BLKGETSIZE64, &size) || size != d->size)
        return explain(why, why_size, -EIO, "%s: its size has changed",
                       d->name);
    if (d->sequence && (ioctl(d->fd, BLKGETDISKSEQ, &sequence) ||
                        sequence != d->sequence))
        return explain(why, why_size, -EIO, "%s: it has been set up anew",
                       d->name);
    if (sysfs_number(d->dev, up_of(d), "queue/iostats", &iostats) ||
        iostats != d->iostats)
        return explain(why, why_size, -EIO, "%s: statistics have been "
                       "switched", d->name);
    if (d->loop && (loop_status(d->fd, &info) ||
                    info.lo_device != devs->img->dev ||
                    info.lo_inode != devs->img->ino ||
                    info.lo_offset != d->loop_offset ||
                    info.lo_flags & LO_FLAGS_AUTOCLEAR))
        return explain(why, why_size, -EIO, "%s: it has been detached or set "
                       "up anew", d->name);
    return 0;
}

int track_devices_check(const struct track_devices *devs, char *why,
                        size_t why_size)
{
    struct stat st;
    size_t i;
    int rc = 0;

    for (i = 0; i < devs->n && !rc; i++)
        rc = check_device(devs, &devs->dev[i], why, why_size);
    if (!rc && !devs->img->block &&
        (fstat(devs->img->fd, &st) ||
         (uint64_t)st.st_size != devs->img->size))
        rc = explain(why, why_size, -EIO, "the file's size has changed");
    return rc;
}

int track_device_accounted(const struct track_device *dev,
                           uint64_t *written_r, uint64_t *read_r)
{
    uint64_t written, was_read, discarded = 0;
    char text[512];
    int rc = read_at(dev->stat_fd, text, sizeof(text));

    if (rc)
        return rc;
    if (sscanf(text, "%*u %*u %" SCNu64 " %*u %*u %*u %" SCNu64 " %*u %*u "
               "%*u %*u %*u %*u %" SCNu64, &was_read, &written,
               &discarded) < 2)
        return -EINVAL;
    *written_r = written + discarded;
    if (read_r)
        *read_r = was_read;
    return 0;
}

int track_device_in_flight(const struct track_device *dev, uint64_t *writes_r)
{
    char text[64];
    int rc = sysfs_text(dev->dev, "", "inflight", text, sizeof(text));

    if (!rc && sscanf(text, "%*u %" SCNu64, writes_r) != 1)
        rc = -EINVAL;
    return rc;
}

int track_device_suspended(const struct track_device *dev, bool *suspended_r)
{
    uint64_t suspended = 0;
    int rc = sysfs_number(dev->dev, up_of(dev), "dm/suspended", &suspended);

    *suspended_r = suspended;
    return rc == -ENOENT ? 0 : rc;
}
