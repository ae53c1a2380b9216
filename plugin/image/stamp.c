/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stamps of images; see stamp.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "plugin/image/blockdev.h"
#include "plugin/image/stamp.h"

static bool read_line(const char *path, char *text, size_t size)
{
    FILE *f = fopen(path, "re");
    bool ok = f && fgets(text, size, f);

    if (f)
        fclose(f);
    return ok;
}

/* Without a boot's name two stamps are never equal; see stamp_same(). */
static void read_boot(uint8_t boot[STAMP_BOOT])
{
    char text[64];
    size_t n = 0;

    if (!read_line("/proc/sys/kernel/random/boot_id", text, sizeof(text)) ||
        sodium_hex2bin(boot, STAMP_BOOT, text, strcspn(text, "\n"), "-", &n,
                       NULL) || n != STAMP_BOOT)
        memset(boot, 0, STAMP_BOOT);
}

/* A partition has some things in common with its disk. */
static bool is_partition(dev_t dev)
{
    char name[64];

    snprintf(name, sizeof(name), "/sys/dev/block/%u:%u/partition", major(dev),
             minor(dev));
    return !access(name, F_OK);
}

/* A file of the disk's directory in sysfs. */
static void disk_file(dev_t dev, const char *file, char *name, size_t size)
{
    snprintf(name, size, "/sys/dev/block/%u:%u/%s%s", major(dev), minor(dev),
             is_partition(dev) ? "../" : "", file);
}

/* The switch says nothing for devices that have no queue of their own: those
 * of device mapper count although theirs may be off. */
static bool is_counting(dev_t dev)
{
    char name[64], text[16];

    disk_file(dev, "mq", name, sizeof(name));
    if (access(name, F_OK))
        return true;
    disk_file(dev, "queue/iostats", name, sizeof(name));
    return !read_line(name, text, sizeof(text)) || text[0] != '0';
}

static int mark_device(int fd, dev_t dev, struct stamp *m)
{
    struct image img = { .block = true, .dev = dev };
    struct device_activity a;
    char name[64], text[64];

    m->block = true;
    m->dev = dev;
    if (ioctl(fd, BLKGETSIZE64, &m->size))
        return -errno;
    disk_file(dev, "diskseq", name, sizeof(name));
    if (read_line(name, text, sizeof(text)))
        m->diskseq = strtoull(text, NULL, 10);
    if (device_activity(&img, &a) || !is_counting(dev))
        return 0;
    m->written = a.written;
    read_boot(m->boot);
    return 0;
}

static int64_t nanoseconds(const struct timespec *t)
{
    return t->tv_sec * INT64_C(1000000000) + t->tv_nsec;
}

static int mark_file(const struct stat *st, struct stamp *m_r)
{
    *m_r = (struct stamp){
        .size = st->st_size,
        .dev = st->st_dev,
        .ino = st->st_ino,
        .mtime_ns = nanoseconds(&st->st_mtim),
        .ctime_ns = nanoseconds(&st->st_ctim),
    };
    return S_ISREG(st->st_mode) ? 0 : -ENOTBLK;
}

int stamp_of_fd(int fd, struct stamp *m_r)
{
    struct stat st;

    *m_r = (struct stamp){ .block = false };
    if (fstat(fd, &st))
        return -errno;
    return S_ISBLK(st.st_mode) ? mark_device(fd, st.st_rdev, m_r) :
        mark_file(&st, m_r);
}

int stamp_of(const char *path, struct stamp *m_r)
{
    struct stat st;
    int fd, rc;

    *m_r = (struct stamp){ .block = false };
    if (stat(path, &st))
        return -errno;
    if (!S_ISBLK(st.st_mode))
        return mark_file(&st, m_r);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    rc = stamp_of_fd(fd, m_r);
    close(fd);
    return rc;
}

bool stamp_tells(const struct stamp *m)
{
    return !m->block || !sodium_is_zero(m->boot, STAMP_BOOT);
}

bool stamp_same(const struct stamp *a, const struct stamp *b)
{
    if (a->block != b->block || a->size != b->size)
        return false;
    if (!a->block)
        return a->ino == b->ino && a->mtime_ns == b->mtime_ns &&
            a->ctime_ns == b->ctime_ns;
    return a->diskseq == b->diskseq && a->written == b->written &&
        !memcmp(a->boot, b->boot, STAMP_BOOT) && stamp_tells(a);
}
