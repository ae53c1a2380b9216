/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading disk images; see image.h.
 *
 * O_DIRECT wants offset, length and memory aligned to the device's logical
 * block.  A device is a whole number of those (though not of 4 KiB), so every
 * range of it can be read by widening the range; a file's last block is cut
 * off by the kernel.  What the caller's buffer is not aligned for goes through
 * a bounce buffer that each thread keeps.
 *
 * What is trusted: nothing but the kernel.  An image that shrinks under us is
 * an error of the read that meets the end, never a short result.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/image/image.h"

#define BOUNCE_SIZE (1u << 20)
#define BOUNCE_ALIGN 4096u      /* the largest logical block there is */

static pthread_once_t bounce_once = PTHREAD_ONCE_INIT;
static pthread_key_t bounce_key;
static bool bounce_usable;

static void bounce_init(void)
{
    bounce_usable = pthread_key_create(&bounce_key, free) == 0;
}

/* This thread's buffer, or NULL if memory is short. */
static void *bounce_get(void)
{
    void *buf;

    pthread_once(&bounce_once, bounce_init);
    if (!bounce_usable)
        return NULL;
    buf = pthread_getspecific(bounce_key);
    if (buf)
        return buf;
    if (posix_memalign(&buf, BOUNCE_ALIGN, BOUNCE_SIZE))
        return NULL;
    if (pthread_setspecific(bounce_key, buf)) {
        free(buf);
        return NULL;
    }
    return buf;
}

static int open_device(struct image *img)
{
    int sector;

    if (ioctl(img->fd, BLKGETSIZE64, &img->size) ||
        ioctl(img->fd, BLKSSZGET, &sector))
        return -errno;
    if (sector < 512 || sector > (int)BOUNCE_ALIGN ||
        (sector & (sector - 1)) || img->size % sector)
        return -ENOTSUP;
    img->sector = sector;
    /* Not by its path, at which there may be another one by now. */
    img->direct_fd = image_open_direct(img, O_RDONLY);
    return img->direct_fd < 0 ? img->direct_fd : 0;
}

/* Opens and examines what has the name.  Says nothing. */
static int open_any(struct image *img, int directory, const char *name,
                    int flags)
{
    struct stat st;

    /* O_NONBLOCK: a fifo would make us wait for a writer. */
    img->fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK |
                     O_NOCTTY | flags);
    if (img->fd < 0 || fstat(img->fd, &st))
        return -errno;
    if (S_ISBLK(st.st_mode)) {
        img->block = true;
        img->dev = st.st_rdev;
        return open_device(img);
    }
    if (!S_ISREG(st.st_mode))
        return -ENOTBLK;
    img->dev = st.st_dev;
    img->ino = st.st_ino;
    img->size = st.st_size;
    return 0;
}

int image_open_at(struct image *img, int directory, const char *name,
                  int flags, const char *path)
{
    int rc;

    *img = (struct image)IMAGE_INIT;
    img->path = strdup(path);
    rc = img->path ? open_any(img, directory, name, flags) : -ENOMEM;
    if (!rc)
        return 0;
    if (rc == -ENOTBLK)
        log_error("%s: neither a regular file nor a block device", path);
    else if (rc == -ENOTSUP)
        log_error("%s: a block device of %d-byte sectors and %llu bytes "
                  "cannot be read", path, img->sector,
                  (unsigned long long)img->size);
    else
        log_errno(rc, "%s: cannot open the image", path);
    image_release(img);
    return rc;
}

int image_open(struct image *img, const char *path)
{
    return image_open_at(img, AT_FDCWD, path, 0, path);
}

void image_release(struct image *img)
{
    if (img->fd >= 0)
        close(img->fd);
    if (img->direct_fd >= 0)
        close(img->direct_fd);
    free(img->path);
    free(img->unused);
    *img = (struct image)IMAGE_INIT;
}

/* Reads at least `least` of length bytes. */
static int read_least(int fd, void *buf, size_t least, size_t length,
                      uint64_t offset)
{
    size_t done = 0;
    ssize_t n;

    while (done < least) {
        n = pread(fd, (char *)buf + done, length - done, offset + done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -ENODATA;    /* it has shrunk since it was opened */
        done += n;
    }
    return 0;
}

static int read_exactly(int fd, void *buf, size_t length, uint64_t offset)
{
    return read_least(fd, buf, length, length, offset);
}

/* How much of [offset, offset + length) can be read straight into buf: whole
 * sectors, provided that the memory is aligned; else 0. */
static size_t straight_length(const struct image *img, const void *buf,
                              size_t length, uint64_t offset)
{
    if (offset % img->sector || (uintptr_t)buf % img->sector)
        return 0;
    return length - length % img->sector;
}

static int read_direct(const struct image *img, char *buf, size_t length,
                       uint64_t offset)
{
    size_t head, n, wide;
    char *bounce;
    int rc = 0;

    while (length && !rc) {
        n = straight_length(img, buf, length, offset);
        if (n) {
            rc = read_exactly(img->direct_fd, buf, n, offset);
        } else {
            bounce = bounce_get();
            if (!bounce)
                return -ENOMEM;
            head = offset % img->sector;
            n = length < BOUNCE_SIZE - head ? length : BOUNCE_SIZE - head;
            wide = (head + n + img->sector - 1) & -(size_t)img->sector;
            rc = read_least(img->direct_fd, bounce, head + n, wide,
                            offset - head);
            if (!rc)
                memcpy(buf, bounce + head, n);
        }
        buf += n;
        offset += n;
        length -= n;
    }
    return rc;
}

/* Zeros for what is unused. */
static void blank_unused(const struct image *img, uint8_t *buf,
                         size_t length, uint64_t offset)
{
    uint64_t end = offset + length, from, to;
    size_t low = 0, high = img->n_unused, middle;
    const struct fsparse_range *r;

    /* the first that ends after offset */
    while (low < high) {
        middle = low + (high - low) / 2;
        r = &img->unused[middle];
        if (r->offset + r->length <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < img->n_unused && img->unused[low].offset < end; low++) {
        r = &img->unused[low];
        from = r->offset > offset ? r->offset : offset;
        to = r->offset + r->length < end ? r->offset + r->length : end;
        memset(buf + (from - offset), 0, to - from);
    }
}

int image_read(const struct image *img, void *buf, size_t length,
               uint64_t offset)
{
    size_t there;
    int rc;

    if (img->end && length > 0 && offset <= img->size &&
        length <= img->size - offset && offset + length > img->end) {
        there = offset < img->end ? img->end - offset : 0;
        memset((char *)buf + there, 0, length - there);
        length = there;
    }
    if (offset > img->size || length > img->size - offset)
        rc = -ENODATA;
    else if (img->direct_fd >= 0)
        rc = read_direct(img, buf, length, offset);
    else
        rc = read_exactly(img->fd, buf, length, offset);
    if (!rc) {
        blank_unused(img, buf, length, offset);
        return 0;
    }
    if (rc == -ENODATA)
        log_error("%s: the image ends before byte %llu that was to be read; "
                  "has it been shortened?", img->path,
                  (unsigned long long)(offset + length));
    else
        log_errno(rc, "%s: cannot read %zu bytes at %llu", img->path, length,
                  (unsigned long long)offset);
    return rc == -ENOMEM ? rc : -EIO;
}

/* 0: O_DIRECT may mean the page cache all the same, or nothing. */
static unsigned direct_alignment(int fd)
{
    unsigned alignment = 0;
#ifdef STATX_DIOALIGN
    struct statx st;

    if (!statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) &&
        st.stx_mask & STATX_DIOALIGN)
        alignment = st.stx_dio_mem_align > st.stx_dio_offset_align ?
            st.stx_dio_mem_align : st.stx_dio_offset_align;
#endif
    return alignment <= BOUNCE_ALIGN && !(alignment & (alignment - 1)) ?
        alignment : 0;
}

int image_open_direct(const struct image *img, int flags)
{
    char path[32];
    int fd;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", img->fd);
    fd = open(path, flags | O_CLOEXEC | O_DIRECT);
    return fd < 0 ? -errno : fd;
}

void image_bypass_cache(struct image *img)
{
    unsigned alignment = img->block ? 0 : direct_alignment(img->fd);
    int fd = alignment ? image_open_direct(img, O_RDONLY) : -1;

    if (fd < 0)
        return;
    img->direct_fd = fd;
    img->sector = alignment;
}

/* Whether SEEK_DATA of the file's system knows at once what was written, though
 * it is in the page cache only. */
static bool knows_its_holes(int fd)
{
    struct statfs fs;

    if (fstatfs(fd, &fs))
        return false;
    switch ((uint32_t)fs.f_type) {
    case BTRFS_SUPER_MAGIC:
    case EXT4_SUPER_MAGIC:
    case TMPFS_MAGIC:
    case XFS_SUPER_MAGIC:
        return true;
    default:
        return false;
    }
}

void image_believe_holes(struct image *img, bool written)
{
    if (img->block || knows_its_holes(img->fd))
        return;
    img->solid = written || fdatasync(img->fd);
    if (img->solid)
        log_info("%s: its holes are read like data, since its file system "
                 "may call a hole what has just been written", img->path);
}

uint64_t image_next_data(const struct image *img, uint64_t offset)
{
    off_t data;

    if (img->block || img->solid || offset >= img->size)
        return offset;
    data = lseek(img->fd, (off_t)offset, SEEK_DATA);
    if (data < 0)
        return errno == ENXIO ? img->size : offset;
    return (uint64_t)data < img->size ? (uint64_t)data : img->size;
}

void image_will_need(const struct image *img, uint64_t offset,
                     uint64_t length)
{
    /* O_DIRECT would not find what was read ahead. */
    if (img->direct_fd < 0)
        posix_fadvise(img->fd, offset, length, POSIX_FADV_WILLNEED);
}

void image_drop_cache(const struct image *img, uint64_t offset,
                      uint64_t length)
{
    posix_fadvise(img->fd, offset, length, POSIX_FADV_DONTNEED);
}
