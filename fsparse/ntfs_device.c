/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ntfs_device: see ntfs_device.h.
 */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>

#include "fsparse/ntfs_device.h"

struct device {
    struct window *w;
    s64 offset;
};

static struct device *device_of(struct ntfs_device *dev)
{
    return dev->d_private;
}

static int device_open(struct ntfs_device *dev, int flags)
{
    if ((flags & O_ACCMODE) != O_RDONLY) {
        errno = EROFS;
        return -1;
    }
    NDevSetReadOnly(dev);
    NDevSetOpen(dev);
    return 0;
}

static int device_close(struct ntfs_device *dev)
{
    NDevClearOpen(dev);
    free(dev->d_private);
    dev->d_private = NULL;
    return 0;
}

static s64 device_seek(struct ntfs_device *dev, s64 offset, int whence)
{
    struct device *d = device_of(dev);
    s64 from = whence == SEEK_CUR ? d->offset :
               whence == SEEK_END ? (s64)d->w->length : 0;

    if (offset < -from || offset > INT64_MAX - from) {
        errno = EINVAL;
        return -1;
    }
    d->offset = from + offset;
    return d->offset;
}

static s64 device_pread(struct ntfs_device *dev, void *buf, s64 count,
                        s64 offset)
{
    struct window *w = device_of(dev)->w;

    if (count < 0 || offset < 0) {
        errno = EINVAL;
        return -1;
    }
    if ((uint64_t)offset >= w->length)
        return 0;
    window_read(w, buf, (size_t)count, (uint64_t)offset);
    return count;
}

static s64 device_read(struct ntfs_device *dev, void *buf, s64 count)
{
    struct device *d = device_of(dev);
    s64 n = device_pread(dev, buf, count, d->offset);

    if (n > 0)
        d->offset += n;
    return n;
}

static s64 device_write(struct ntfs_device *dev, const void *buf, s64 count)
{
    (void)dev;
    (void)buf;
    (void)count;
    errno = EROFS;
    return -1;
}

static s64 device_pwrite(struct ntfs_device *dev, const void *buf, s64 count,
                         s64 offset)
{
    (void)offset;
    return device_write(dev, buf, count);
}

static int device_sync(struct ntfs_device *dev)
{
    (void)dev;
    return 0;
}

static int device_stat(struct ntfs_device *dev, struct stat *st)
{
    return fstat(device_of(dev)->w->fd, st);
}

static int device_ioctl(struct ntfs_device *dev, unsigned long request,
                        void *arg)
{
    (void)dev;
    (void)request;
    (void)arg;
    errno = EOPNOTSUPP;
    return -1;
}

static struct ntfs_device_operations operations = {
    .open = device_open,
    .close = device_close,
    .seek = device_seek,
    .read = device_read,
    .write = device_write,
    .pread = device_pread,
    .pwrite = device_pwrite,
    .sync = device_sync,
    .stat = device_stat,
    .ioctl = device_ioctl,
};

ntfs_volume *ntfs_device_open(struct window *w)
{
    struct device *d = calloc(1, sizeof(*d));
    struct ntfs_device *dev;
    ntfs_volume *vol;

    if (!d)
        return NULL;
    d->w = w;
    dev = ntfs_device_alloc("image", 0, &operations, d);
    if (!dev) {
        free(d);
        return NULL;
    }
    /* The handler first: the library prints to stderr while it opens. */
    ntfs_log_set_handler(ntfs_log_handler_null);
    /* A volume that did not open may have taken dev with it or not; the
     * few bytes are left to the process' end. */
    vol = ntfs_volume_startup(dev, NTFS_MNT_RDONLY | NTFS_MNT_FORENSIC |
                              NTFS_MNT_IGNORE_HIBERFILE);
    if (vol) {
        NVolSetNoFixupWarn(vol);
        /* $Volume was not read; without a version of 3 the library opens no
         * compressed or sparse attribute. */
        vol->major_ver = 3;
        vol->minor_ver = 1;
    }
    return vol;
}
