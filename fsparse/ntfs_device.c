/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ntfs_device: see ntfs_device.h.
 *
 * The boot sector and $MFT's own record are read once, checked, and what was
 * checked is what the library gets, whatever a running guest has made of them
 * in between.
 */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>

#include "fsparse/ntfs_check.h"
#include "fsparse/ntfs_device.h"

struct device {
    struct window *w;
    s64 offset;
    struct ntfs_geometry geometry;
    uint8_t boot[NTFS_CHECK_BOOT_BYTES];
    uint8_t mft[NTFS_CHECK_RECORD_MAX];         /* $MFT's own record */
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

/* Of count bytes at offset, those that `bytes` at place are known to be. */
static void lay(void *buf, uint64_t count, uint64_t offset,
                const uint8_t *bytes, uint64_t n, uint64_t place)
{
    uint64_t from = offset > place ? offset : place;
    uint64_t to = offset + count < place + n ? offset + count : place + n;

    if (from < to)
        memcpy((uint8_t *)buf + (from - offset), bytes + (from - place),
               (size_t)(to - from));
}

static s64 device_pread(struct ntfs_device *dev, void *buf, s64 count,
                        s64 offset)
{
    const struct device *d = device_of(dev);
    struct window *w = d->w;

    if (count < 0 || offset < 0) {
        errno = EINVAL;
        return -1;
    }
    if ((uint64_t)offset >= w->length)
        return 0;
    window_read(w, buf, (size_t)count, (uint64_t)offset);
    lay(buf, (uint64_t)count, (uint64_t)offset, d->boot, sizeof(d->boot), 0);
    lay(buf, (uint64_t)count, (uint64_t)offset, d->mft, d->geometry.record,
        d->geometry.mft * d->geometry.cluster);
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

/* Reads what is to be checked, and checks it. */
static const char *take_front(struct device *d)
{
    struct ntfs_geometry *g = &d->geometry;
    uint8_t *record;
    const char *why;

    window_read(d->w, d->boot, sizeof(d->boot), 0);
    why = ntfs_check_boot(d->boot, d->w->length, g);
    if (why)
        return why;
    record = malloc(g->record);
    if (!record)
        return "ntfs: out of memory";
    window_read(d->w, d->mft, g->record, g->mft * g->cluster);
    memcpy(record, d->mft, g->record);
    why = ntfs_check_mft(record, g);
    free(record);
    return why;
}

static const char *start(struct device *d, ntfs_volume **vol_r)
{
    struct ntfs_device *dev = ntfs_device_alloc("image", 0, &operations, d);

    if (!dev) {
        free(d);
        return "ntfs: out of memory";
    }
    /* The handler first: the library prints to stderr while it opens. */
    ntfs_log_set_handler(ntfs_log_handler_null);
    /* A volume that did not open may have taken dev with it or not; the
     * few bytes are left to the process' end. */
    *vol_r = ntfs_volume_startup(dev, NTFS_MNT_RDONLY | NTFS_MNT_FORENSIC |
                                 NTFS_MNT_IGNORE_HIBERFILE);
    if (!*vol_r)
        return errno == ENOMEM ? "ntfs: out of memory" :
               "ntfs: the volume is damaged";
    /* $Volume was not read; without a version of 3 the library opens no
     * compressed or sparse attribute. */
    (*vol_r)->major_ver = 3;
    (*vol_r)->minor_ver = 1;
    return NULL;
}

const char *ntfs_device_open(struct window *w, ntfs_volume **vol_r)
{
    struct device *d = calloc(1, sizeof(*d));
    const char *why;

    *vol_r = NULL;
    if (!d)
        return "ntfs: out of memory";
    d->w = w;
    why = take_front(d);
    if (!why)
        return start(d, vol_r);
    free(d);
    return why;
}
