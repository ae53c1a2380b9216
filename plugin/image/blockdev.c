/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The block devices of an image; see blockdev.h.  Sources: the kernel's
 * Documentation/ABI/stable/sysfs-block, loop(4). */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/major.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "plugin/image/blockdev.h"

static bool backs(const char *device, const struct stat *file)
{
    struct loop_info64 info;
    int fd = open(device, O_RDONLY | O_CLOEXEC);
    bool found;

    if (fd < 0)
        return false;
    found = !ioctl(fd, LOOP_GET_STATUS64, &info) &&
        (S_ISBLK(file->st_mode) ? info.lo_rdevice == file->st_rdev :
         info.lo_device == file->st_dev && info.lo_inode == file->st_ino);
    close(fd);
    return found;
}

bool loopdev_each(const struct stat *file,
                  bool (*each)(void *opaque, const char *kernel_name),
                  void *opaque)
{
    DIR *dir = opendir("/sys/block");
    char path[512];
    struct dirent *e;
    bool stop = false;

    while (dir && !stop && (e = readdir(dir))) {
        if (strncmp(e->d_name, "loop", 4))
            continue;
        snprintf(path, sizeof(path), "/sys/block/%s/loop", e->d_name);
        if (access(path, F_OK))
            continue;
        snprintf(path, sizeof(path), "/dev/%s", e->d_name);
        if (backs(path, file))
            stop = each(opaque, e->d_name);
    }
    if (dir)
        closedir(dir);
    return stop;
}

struct name {
    char *text;
    size_t size;
};

static bool take_name(void *opaque, const char *kernel_name)
{
    struct name *n = opaque;

    snprintf(n->text, n->size, "/dev/%s", kernel_name);
    return true;
}

bool loopdev_of(const struct stat *file, char *name, size_t size)
{
    struct name n = { name, size };

    return loopdev_each(file, take_name, &n);
}

static bool read_file(const char *path, char *text, size_t size)
{
    FILE *f = fopen(path, "re");
    size_t n;

    if (!f)
        return false;
    n = fread(text, 1, size - 1, f);
    fclose(f);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
        n--;
    text[n] = '\0';
    return n > 0;
}

void device_name(dev_t device, char *name, size_t size)
{
    char path[64], link[512];
    ssize_t n;

    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/dm/name",
             major(device), minor(device));
    if (read_file(path, link, sizeof(link))) {
        snprintf(name, size, "/dev/mapper/%s", link);
        return;
    }
    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(device),
             minor(device));
    n = readlink(path, link, sizeof(link) - 1);
    link[n > 0 ? n : 0] = '\0';
    if (strrchr(link, '/'))
        snprintf(name, size, "/dev/%s", strrchr(link, '/') + 1);
    else
        snprintf(name, size, "block device %u:%u", major(device),
                 minor(device));
}

/* The path in sysfs is longer than what the ioctl tells. */
static void read_backing_file(dev_t device, struct loop_backing *b)
{
    char path[64];

    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/loop/backing_file",
             major(device), minor(device));
    if (!read_file(path, b->file, sizeof(b->file)))
        snprintf(b->file, sizeof(b->file), "an unknown file");
}

int loopdev_backing(dev_t device, struct loop_backing *b_r)
{
    struct loop_info64 info;
    struct stat st;
    int fd, rc = 0;

    memset(b_r, 0, sizeof(*b_r));
    if (major(device) != LOOP_MAJOR)
        return -ENXIO;
    device_name(device, b_r->name, sizeof(b_r->name));
    fd = open(b_r->name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) || ioctl(fd, LOOP_GET_STATUS64, &info) ||
        ioctl(fd, BLKGETSIZE64, &b_r->size))
        rc = -errno;
    else if (!S_ISBLK(st.st_mode) || st.st_rdev != device)
        rc = -ENODEV;
    close(fd);
    if (rc)
        return rc;
    b_r->dev = info.lo_device;
    b_r->ino = info.lo_inode;
    b_r->offset = info.lo_offset;
    b_r->limit = info.lo_sizelimit;
    read_backing_file(device, b_r);
    return 0;
}

struct sum {
    struct device_activity a;
    unsigned devices;
};

static void add_activity(struct sum *s, const char *directory)
{
    uint64_t reads, writes, sectors, discarded = 0;
    char path[512], text[512];

    snprintf(path, sizeof(path), "%s/inflight", directory);
    if (!read_file(path, text, sizeof(text)) ||
        sscanf(text, "%" SCNu64 " %" SCNu64, &reads, &writes) != 2)
        return;
    snprintf(path, sizeof(path), "%s/stat", directory);
    if (!read_file(path, text, sizeof(text)) ||
        sscanf(text, "%*u %*u %*u %*u %*u %*u %" SCNu64
               " %*u %*u %*u %*u %*u %*u %" SCNu64, &sectors, &discarded) < 1)
        return;
    s->a.in_flight += reads + writes;
    s->a.written += sectors + discarded;
    s->devices++;
}

static bool add_loop(void *opaque, const char *kernel_name)
{
    char directory[300];

    snprintf(directory, sizeof(directory), "/sys/block/%s", kernel_name);
    add_activity(opaque, directory);
    return false;
}

int device_activity(const struct image *img, struct device_activity *a_r)
{
    struct sum s = { { 0, 0 }, 0 };
    char directory[64];
    struct stat st;

    if (img->block) {
        snprintf(directory, sizeof(directory), "/sys/dev/block/%u:%u",
                 major(img->dev), minor(img->dev));
        add_activity(&s, directory);
    } else if (!fstat(img->fd, &st)) {
        loopdev_each(&st, add_loop, &s);
    }
    *a_r = s.a;
    return s.devices ? 0 : -ENODEV;
}

static void take_sectors(int fd, struct sector_sizes *s)
{
    unsigned physical;
    int logical;

    if (ioctl(fd, BLKSSZGET, &logical) || ioctl(fd, BLKPBSZGET, &physical))
        return;
    if ((unsigned)logical > s->logical)
        s->logical = logical;
    if (physical > s->physical)
        s->physical = physical;
}

static bool take_loop_sectors(void *opaque, const char *kernel_name)
{
    char path[300];
    int fd;

    snprintf(path, sizeof(path), "/dev/%s", kernel_name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        take_sectors(fd, opaque);
        close(fd);
    }
    return false;
}

void image_sectors(const struct image *img, struct sector_sizes *s_r)
{
    struct stat st;

    *s_r = (struct sector_sizes){ SECTOR_BYTES, SECTOR_BYTES };
    if (img->block)
        take_sectors(img->fd, s_r);
    else if (!fstat(img->fd, &st))
        loopdev_each(&st, take_loop_sectors, s_r);
}
