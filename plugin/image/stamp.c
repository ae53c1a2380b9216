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
#include <time.h>
#include <unistd.h>

#include "plugin/base/fdio.h"
#include "plugin/image/blockdev.h"
#include "plugin/image/stamp.h"

/* A file written to twice within its clock's grain keeps the time. */
#define FRESH_SECONDS 2

/* At most this lies between a file's last change before it is renamed and the
 * renaming. */
#define RENAMED_NS (60 * INT64_C(1000000000))

/* Without a boot's name two stamps are never equal; see stamp_same(). */
static void read_boot(uint8_t boot[STAMP_BOOT])
{
    char text[64];
    size_t n = 0;

    if (!file_read_line("/proc/sys/kernel/random/boot_id", text,
                        sizeof(text)) ||
        sodium_hex2bin(boot, STAMP_BOOT, text, strlen(text), "-", &n, NULL) ||
        n != STAMP_BOOT)
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
    return !file_read_line(name, text, sizeof(text)) || text[0] != '0';
}

static int stamp_device(int fd, dev_t dev, struct stamp *s)
{
    struct image img = { .block = true, .dev = dev };
    struct device_activity a;
    char name[64], text[64];

    s->block = true;
    s->dev = dev;
    if (ioctl(fd, BLKGETSIZE64, &s->size))
        return -errno;
    disk_file(dev, "diskseq", name, sizeof(name));
    if (file_read_line(name, text, sizeof(text)))
        s->diskseq = strtoull(text, NULL, 10);
    if (device_activity(&img, &a) || !is_counting(dev))
        return 0;
    s->written = a.written;
    read_boot(s->boot);
    return 0;
}

static int64_t nanoseconds(const struct timespec *t)
{
    return t->tv_sec * INT64_C(1000000000) + t->tv_nsec;
}

static int stamp_file(const struct stat *st, struct stamp *s_r)
{
    *s_r = (struct stamp){
        .size = st->st_size,
        .dev = st->st_dev,
        .ino = st->st_ino,
        .mtime_ns = nanoseconds(&st->st_mtim),
        .ctime_ns = nanoseconds(&st->st_ctim),
    };
    return S_ISREG(st->st_mode) ? 0 : -ENOTBLK;
}

int stamp_of_fd(int fd, struct stamp *s_r)
{
    struct stat st;

    *s_r = (struct stamp){ .block = false };
    if (fstat(fd, &st))
        return -errno;
    return S_ISBLK(st.st_mode) ? stamp_device(fd, st.st_rdev, s_r) :
        stamp_file(&st, s_r);
}

int stamp_of(const char *path, struct stamp *s_r)
{
    struct stat st;
    int fd, rc;

    *s_r = (struct stamp){ .block = false };
    if (stat(path, &st))
        return -errno;
    if (!S_ISBLK(st.st_mode))
        return stamp_file(&st, s_r);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    rc = stamp_of_fd(fd, s_r);
    close(fd);
    return rc;
}

bool stamp_tells(const struct stamp *s)
{
    return !s->block || !sodium_is_zero(s->boot, STAMP_BOOT);
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

bool stamp_same_renamed(const struct stamp *then, const struct stamp *now)
{
    struct stamp expected = *then;

    if (now->ctime_ns >= then->ctime_ns &&
        now->ctime_ns - then->ctime_ns <= RENAMED_NS)
        expected.ctime_ns = now->ctime_ns;
    return stamp_same(&expected, now);
}

bool stamp_file_same(const struct stat *then, const struct stat *now,
                     bool renamed)
{
    struct stamp a, b;

    if (stamp_file(then, &a) || stamp_file(now, &b) || a.dev != b.dev ||
        a.ino != b.ino || a.size != b.size)
        return false;
    return a.size == 0 || (a.mtime_ns == b.mtime_ns &&
                           (renamed || a.ctime_ns == b.ctime_ns));
}

/* Writes that are under way */

static int take(const struct image *img, struct write_stamp *s_r,
                uint64_t *in_flight_r, bool *counted_r)
{
    struct device_activity a = { 0, 0 };

    *counted_r = !device_activity(img, &a);
    *in_flight_r = a.in_flight;
    s_r->written = a.written;
    return stamp_of_fd(img->fd, &s_r->file);
}

int write_stamp_take(const struct image *img, struct write_stamp *s_r,
                     uint64_t *in_flight_r)
{
    bool counted;

    return take(img, s_r, in_flight_r, &counted);
}

bool write_stamp_take_at_rest(const struct image *img, struct write_stamp *s_r)
{
    struct write_stamp s;
    uint64_t in_flight;
    bool counted;

    if (take(img, &s, &in_flight, &counted) || in_flight > 0)
        return false;
    if (img->block ? !counted :
        time(NULL) - s.file.ctime_ns / 1000000000 < FRESH_SECONDS)
        return false;
    *s_r = s;
    return true;
}

bool write_stamp_equal(const struct write_stamp *a, const struct write_stamp *b)
{
    return a->written == b->written &&
        (a->file.block || stamp_same(&a->file, &b->file));
}

/* Texts */

char *stamp_text(const char *path)
{
    struct statx st;
    struct statx_timestamp *t = &st.stx_btime;
    char *text;

    if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS | STATX_BTIME, &st) ||
        !S_ISREG(st.stx_mode))
        return NULL;
    if (!(st.stx_mask & STATX_BTIME))
        t = &st.stx_ctime;
    if (asprintf(&text, "%" PRIu64 ":%" PRIu64 ":%" PRId64 ".%09u",
                 (uint64_t)st.stx_ino, (uint64_t)st.stx_size,
                 (int64_t)t->tv_sec, t->tv_nsec) < 0)
        return NULL;
    return text;
}

bool stamp_text_is(const char *path, const char *text)
{
    char *own = stamp_text(path);
    bool same = own && !strcmp(own, text);

    free(own);
    return same;
}
