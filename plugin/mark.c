/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Marks of images; see mark.h. */
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

#include "plugin/loopdev.h"
#include "plugin/mark.h"

static bool read_line(const char *path, char *text, size_t size)
{
    FILE *f = fopen(path, "re");
    bool ok = f && fgets(text, size, f);

    if (f)
        fclose(f);
    return ok;
}

/* Without a boot's name two marks are never equal; see mark_same(). */
static void read_boot(uint8_t boot[MARK_BOOT])
{
    char text[64];
    size_t n = 0;

    if (!read_line("/proc/sys/kernel/random/boot_id", text, sizeof(text)) ||
        sodium_hex2bin(boot, MARK_BOOT, text, strcspn(text, "\n"), "-", &n,
                       NULL) || n != MARK_BOOT)
        memset(boot, 0, MARK_BOOT);
}

static int mark_device(const char *path, dev_t dev, struct mark *m)
{
    struct image img = { .block = true, .dev = dev };
    struct device_activity a;
    char name[64], text[64];
    int fd, rc = 0;

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    if (ioctl(fd, BLKGETSIZE64, &m->size))
        rc = -errno;
    close(fd);
    snprintf(name, sizeof(name), "/sys/dev/block/%u:%u/diskseq", major(dev),
             minor(dev));
    if (read_line(name, text, sizeof(text)))
        m->diskseq = strtoull(text, NULL, 10);
    if (device_activity(&img, &a))
        return rc;
    m->written = a.written;
    read_boot(m->boot);
    return rc;
}

int mark_of(const char *path, struct mark *m_r)
{
    struct stat st;

    *m_r = (struct mark){ .block = false };
    if (stat(path, &st))
        return -errno;
    if (S_ISBLK(st.st_mode)) {
        m_r->block = true;
        return mark_device(path, st.st_rdev, m_r);
    }
    if (!S_ISREG(st.st_mode))
        return -ENOTBLK;
    m_r->size = st.st_size;
    m_r->ino = st.st_ino;
    m_r->mtime_ns = st.st_mtim.tv_sec * INT64_C(1000000000) +
                    st.st_mtim.tv_nsec;
    return 0;
}

bool mark_same(const struct mark *a, const struct mark *b)
{
    if (a->block != b->block || a->size != b->size)
        return false;
    if (!a->block)
        return a->ino == b->ino && a->mtime_ns == b->mtime_ns;
    return a->diskseq == b->diskseq && a->written == b->written &&
        !memcmp(a->boot, b->boot, MARK_BOOT) &&
        !sodium_is_zero(a->boot, MARK_BOOT);
}
