/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The place at the target where a disk is to go; see destination.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <linux/fs.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "plugin/destination.h"
#include "plugin/explain.h"
#include "plugin/fdio.h"
#include "plugin/log.h"
#include "plugin/loopdev.h"
#include "plugin/segment.h"
#include "plugin/thin.h"

/* Directory of a path, for free(). */
static char *directory_of(const char *path)
{
    char *copy = strdup(path), *result;

    if (!copy)
        return NULL;
    result = strdup(dirname(copy));
    free(copy);
    return result;
}

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

char *destination_staging_path(const char *path)
{
    char *directory = directory_of(path), *result = NULL;

    if (directory && asprintf(&result, "%s/.%s.xl-dedup", directory,
                              last_component(path)) < 0)
        result = NULL;
    free(directory);
    return result;
}

static bool same_node(const struct stat *a, const struct stat *b)
{
    if (S_ISBLK(a->st_mode) && S_ISBLK(b->st_mode))
        return a->st_rdev == b->st_rdev;
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int check_busy(const struct destination *d, const struct stat *st,
                      char *why, size_t size)
{
    const struct busy_path *b;
    struct stat other;
    char device[64];

    for (b = d->busy; b; b = b->next)
        if (!stat(b->path, &other) && same_node(st, &other))
            return explain(why, size, -EBUSY, "%s is in use by %s there; shut "
                           "that down first", d->path, b->user);
    if (S_ISREG(st->st_mode) && loopdev_of(st, device, sizeof(device)))
        return explain(why, size, -EBUSY, "%s is in use by %s there; detach "
                       "it first (losetup -d %s)", d->path, device, device);
    return 0;
}

/* Free space for what the staging file does not have yet. */
static int check_space(const struct destination *d, const char *directory,
                       char *why, size_t size)
{
    struct statvfs fs;
    struct stat st;
    uint64_t available, have = 0;

    if (statvfs(directory, &fs))
        return explain(why, size, -errno, "%s: %s", directory,
                       strerror(errno));
    if (!stat(d->staging_path, &st))
        have = (uint64_t)st.st_blocks * 512;
    available = (uint64_t)fs.f_bavail * fs.f_frsize + have;
    if (d->used <= available)
        return 0;
    return explain(why, size, -ENOSPC, "%s needs %" PRIu64 " MB but %s has "
                   "only %" PRIu64 " MB free; free some space there or move "
                   "the disk's path", d->path, d->used / 1000000, directory,
                   available / 1000000);
}

/* A file that is copied for no guest has no sectors. */
static int check_file_sectors(struct destination *d, char *why, size_t size)
{
    if (!d->served)
        return 0;
    d->own = (struct sector_sizes){ SECTOR_BYTES, SECTOR_BYTES };
    if (!d->sectors.logical || d->sectors.logical == d->own.logical)
        return 0;
    return explain(why, size, -EMEDIUMTYPE, "%s is a file, which the guest "
                   "gets with sectors of %u bytes there, but those of its disk "
                   "have %u here, and it cannot change that; have it go to a "
                   "block device with such sectors", d->path, d->own.logical,
                   d->sectors.logical);
}

static int check_device_sectors(struct destination *d,
                                const struct image *img, char *why,
                                size_t size)
{
    image_sectors(img, &d->own);
    if (!d->sectors.logical || d->sectors.logical == d->own.logical)
        return 0;
    return explain(why, size, -EMEDIUMTYPE, "%s has sectors of %u bytes there, "
                   "but those of the disk have %u here, and what is on it "
                   "cannot be used with others; have it go to a device with "
                   "such sectors (for a file: losetup --sector-size)",
                   d->path, d->own.logical, d->sectors.logical);
}

static int check_known(struct destination *d, const struct image *img,
                       char *why, size_t size)
{
    struct record_key key = { d->uuid, d->vdev, d->path };

    switch (record_check(d->state_dir, &key, img)) {
    case RECORD_SAME:
    case RECORD_ALLOWED:
        d->exists = true;
        return 0;
    case RECORD_CHANGED:
        return explain(why, size, -EEXIST, "%s was written to since it was "
                       "known as a copy of this disk, or its owner, mode or "
                       "name was changed; move it away, or run 'xl-dedup "
                       "allow %s' there to have it overwritten", d->path,
                       d->path);
    case RECORD_UNSURE:
        return explain(why, size, -EEXIST, "%s was being overwritten by this "
                       "disk when that try failed, and nothing proves that "
                       "nobody has written to it since; if nobody has, run "
                       "'xl-dedup allow %s' there to go on", d->path,
                       d->path);
    case RECORD_NONE:
        break;
    }
    return explain(why, size, -EEXIST, "%s exists and is not a known copy of "
                   "this disk; move it away, or run 'xl-dedup allow %s' there "
                   "to have it overwritten", d->path, d->path);
}

static int check_file(struct destination *d, const struct stat *st, char *why,
                      size_t size)
{
    struct image img = IMAGE_INIT;
    int rc = check_file_sectors(d, why, size);

    /* Nothing can be lost with an empty file. */
    if (rc || st->st_size == 0)
        return rc;
    rc = image_open(&img, d->path);
    if (rc)
        return explain(why, size, rc, "%s cannot be read: %s", d->path,
                       strerror(-rc));
    rc = check_known(d, &img, why, size);
    image_release(&img);
    return rc;
}

/* Files are made, devices are not: a file there would fill the memory. */
static bool is_device_name(const char *path)
{
    return !strncmp(path, "/dev/", 5) && strncmp(path, "/dev/shm/", 9);
}

/* Whether a device reads all zero, so that nothing can be lost with it. */
static bool reads_zero(const struct image *img)
{
    struct segment_digest d[64];
    uint64_t n = segment_count(img->size), i;
    struct workers *pool;
    size_t count, j;
    bool zero = true;

    if (workers_new(&pool, 0))
        return false;
    for (i = 0; i < n && zero; i += count) {
        count = n - i < 64 ? n - i : 64;
        memset(d, 0, sizeof(d));
        zero = !segments_hash(img, pool, i, count, d);
        for (j = 0; j < count; j++)
            zero = zero && d[j].zero;
    }
    workers_free(pool);
    return zero;
}

static int check_device(struct destination *d, char *why, size_t size)
{
    struct image img = IMAGE_INIT;
    int fd, rc;

    d->block = true;
    /* Exclusive: neither mounted nor part of something else. */
    fd = open(d->path, O_RDONLY | O_EXCL | O_CLOEXEC);
    if (fd < 0)
        return explain(why, size, -errno, "%s cannot be opened for this disk "
                       "alone: %s; unmount or detach it there", d->path,
                       strerror(errno));
    close(fd);
    rc = image_open(&img, d->path);
    if (rc)
        return explain(why, size, rc, "%s cannot be read: %s", d->path,
                       strerror(-rc));
    if (img.size != d->size) {
        rc = explain(why, size, -EFBIG, "%s has %" PRIu64 " bytes there but "
                     "the disk has %" PRIu64 "; make it the same size",
                     d->path, img.size, d->size);
    } else if (!(rc = check_device_sectors(d, &img, why, size))) {
        rc = check_known(d, &img, why, size);
        if (rc == -EEXIST && reads_zero(&img)) {
            d->blank = true;
            rc = 0;
        }
    }
    image_release(&img);
    return rc;
}

int destination_check(struct destination *d, char *why, size_t size)
{
    char *directory;
    struct stat st;
    int rc;

    if (d->path[0] != '/')
        return explain(why, size, -EINVAL, "'%s' is not an absolute path",
                       d->path);
    if (!*last_component(d->path))
        return explain(why, size, -EINVAL, "'%s' is not the name of a file",
                       d->path);
    directory = directory_of(d->path);
    d->staging_path = destination_staging_path(d->path);
    if (!directory || !d->staging_path) {
        free(directory);
        return -ENOMEM;
    }
    if (stat(d->path, &st)) {
        if (errno != ENOENT)
            rc = explain(why, size, -errno, "%s: %s", d->path,
                         strerror(errno));
        else if (is_device_name(d->path))
            rc = explain(why, size, -ENOENT, "%s does not exist there; create "
                         "it with %" PRIu64 " bytes (for LVM: lvcreate -L "
                         "%" PRIu64 "b)", d->path, d->size, d->size);
        else if (access(directory, F_OK))
            rc = explain(why, size, -ENOENT, "the directory %s does not exist "
                         "there; create it", directory);
        else
            rc = check_space(d, directory, why, size);
        if (!rc)
            rc = check_file_sectors(d, why, size);
    } else {
        rc = check_busy(d, &st, why, size);
        if (!rc && S_ISBLK(st.st_mode))
            rc = check_device(d, why, size);
        else if (!rc && S_ISREG(st.st_mode))
            rc = check_file(d, &st, why, size);
        else if (!rc)
            rc = explain(why, size, -EINVAL, "%s is neither a file nor a "
                         "block device there", d->path);
        if (!rc && !d->block)
            rc = check_space(d, directory, why, size);
    }
    free(directory);
    return rc;
}

int destination_probe(const struct destination *d, char **name_r)
{
    char *directory, *path = NULL;
    uint64_t random;
    struct stat st;
    int fd, rc = 0;

    *name_r = NULL;
    /* destination_check() refuses these: nothing is to be made for them. */
    if (d->path[0] != '/' || !*last_component(d->path))
        return 0;
    if (!stat(d->path, &st) && !S_ISREG(st.st_mode))
        return 0;
    randombytes_buf(&random, sizeof(random));
    directory = directory_of(d->path);
    if (!directory ||
        asprintf(name_r, ".xl-dedup-probe-%016" PRIx64, random) < 0 ||
        asprintf(&path, "%s/%s", directory, *name_r) < 0) {
        rc = -ENOMEM;
        goto out;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        rc = -errno;
    else
        close(fd);
out:
    if (rc) {
        free(*name_r);
        *name_r = NULL;
    }
    free(path);
    free(directory);
    return rc;
}

void destination_unprobe(const struct destination *d, char *name)
{
    char *directory, *path;

    if (!name)
        return;
    directory = directory_of(d->path);
    if (directory && asprintf(&path, "%s/%s", directory, name) >= 0) {
        unlink(path);
        free(path);
    }
    free(directory);
    free(name);
}

static int open_device(struct destination *d, char *why, size_t size)
{
    struct record_key key = { d->uuid, d->vdev, d->path };
    int rc;

    d->fd = open(d->path, O_RDWR | O_EXCL | O_CLOEXEC);
    if (d->fd < 0)
        return explain(why, size, -errno, "%s cannot be opened for writing: "
                       "%s", d->path, strerror(errno));
    rc = image_open(&d->storage, d->path);
    if (!rc)
        rc = record_begin(d->state_dir, &key, &d->storage);
    d->thin = !rc && device_is_thin(d->storage.dev);
    d->begun = !rc;
    if (rc)
        return explain(why, size, rc, "%s cannot be prepared: %s", d->path,
                       strerror(-rc));
    /* Without it the admin is asked if we are killed. */
    if (d->guard_program)
        guard_start(&d->guard, d->guard_program, d->state_dir, &key, d->fd);
    return 0;
}

static int copy_range(int from, int to, off_t start, off_t end)
{
    uint8_t buffer[64 << 10];
    ssize_t n;

    for (; start < end; start += n) {
        n = (off_t)sizeof(buffer) < end - start ? (ssize_t)sizeof(buffer) :
            end - start;
        n = pread(from, buffer, n, start);
        if (n <= 0)
            return n ? -errno : -EIO;
        if (pwrite(to, buffer, n, start) != n)
            return errno ? -errno : -EIO;
    }
    return 0;
}

/* Begins with the earlier copy: a clone where the file system can share
 * blocks, a copy of what is not a hole elsewhere. */
static int begin_with_copy(struct destination *d)
{
    int from = open(d->path, O_RDONLY | O_CLOEXEC), rc = 0;
    off_t data = 0, hole;

    if (from < 0)
        return -errno;
    if (ioctl(d->fd, FICLONE, from)) {
        while (!rc && (data = lseek(from, data, SEEK_DATA)) >= 0) {
            hole = lseek(from, data, SEEK_HOLE);
            rc = hole < 0 ? -errno : copy_range(from, d->fd, data, hole);
            data = hole;
        }
    }
    close(from);
    d->resumed = !rc;
    return rc;
}

static int open_staging(struct destination *d, char *why, size_t size)
{
    struct record_key key = { d->uuid, d->vdev, d->staging_path };
    struct stat st;
    int rc;

    d->fd = open(d->staging_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                 0600);
    if (d->fd < 0)
        return explain(why, size, -errno, "%s cannot be created: %s",
                       d->staging_path, strerror(errno));
    if (flock(d->fd, LOCK_EX | LOCK_NB))
        return explain(why, size, -EBUSY, "%s is being written by another "
                       "migration", d->staging_path);
    if (fstat(d->fd, &st) || !S_ISREG(st.st_mode))
        return explain(why, size, -EINVAL, "%s is not a regular file; remove "
                       "it", d->staging_path);
    d->resumed = st.st_blocks > 0;
    if (!d->resumed && d->exists && (rc = begin_with_copy(d)))
        return explain(why, size, rc, "%s cannot be copied to %s: %s",
                       d->path, d->staging_path, strerror(-rc));
    if (ftruncate(d->fd, d->size))
        return explain(why, size, -errno, "%s cannot be made %" PRIu64
                       " bytes long: %s", d->staging_path, d->size,
                       strerror(errno));
    rc = image_open(&d->storage, d->staging_path);
    if (rc)
        return explain(why, size, rc, "%s cannot be read: %s",
                       d->staging_path, strerror(-rc));
    /* So that 'xl-dedup status' finds what a failed try leaves. */
    record_write(d->state_dir, &key, RECORD_UNFINISHED, &d->storage, NULL);
    return 0;
}

int destination_open(struct destination *d, char *why, size_t size)
{
    int rc = d->block ? open_device(d, why, size) :
        open_staging(d, why, size);

    if (rc)
        return rc;
    image_bypass_cache(&d->storage);
    destination_begin_gathering(d);
    return 0;
}

/* Another length than the disk's reads as it would be made. */
static int look_at(struct destination *d, const char *path, char *why,
                   size_t size)
{
    int rc = image_open(&d->storage, path);

    if (rc)
        return explain(why, size, rc, "%s cannot be read: %s", path,
                       strerror(-rc));
    if (d->storage.size < d->size)
        d->storage.end = d->storage.size;
    d->storage.size = d->size;
    return 0;
}

static int look_at_staging(struct destination *d, int fd, char *why,
                           size_t size)
{
    struct stat st;

    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        return explain(why, size, -EINVAL, "%s is not a regular file; remove "
                       "it", d->staging_path);
    /* Given back at once: it must not be in the way of anybody. */
    if (flock(fd, LOCK_SH | LOCK_NB))
        return explain(why, size, -EBUSY, "%s is being written by another "
                       "migration", d->staging_path);
    flock(fd, LOCK_UN);
    d->resumed = st.st_blocks > 0;
    return d->resumed ? look_at(d, d->staging_path, why, size) : 0;
}

int destination_look(struct destination *d, char *why, size_t size)
{
    int fd, rc;

    if (d->block)
        return look_at(d, d->path, why, size);
    fd = open(d->staging_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
                               O_NONBLOCK);
    if (fd < 0 && errno != ENOENT)
        return explain(why, size, -errno, "%s cannot be opened: %s",
                       d->staging_path, strerror(errno));
    rc = fd < 0 ? 0 : look_at_staging(d, fd, why, size);
    if (fd >= 0)
        close(fd);
    if (rc || d->resumed || !d->exists)
        return rc;
    d->resumed = true;
    return look_at(d, d->path, why, size);
}

char *destination_stamp(const char *path)
{
    struct statx st;
    struct statx_timestamp *t = &st.stx_btime;
    char *stamp;

    if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS | STATX_BTIME, &st) ||
        !S_ISREG(st.stx_mode))
        return NULL;
    if (!(st.stx_mask & STATX_BTIME))
        t = &st.stx_ctime;
    if (asprintf(&stamp, "%" PRIu64 ":%" PRIu64 ":%" PRId64 ".%09u",
                 (uint64_t)st.stx_ino, (uint64_t)st.stx_size,
                 (int64_t)t->tv_sec, t->tv_nsec) < 0)
        return NULL;
    return stamp;
}

bool destination_is(const char *path, const char *stamp)
{
    char *own = destination_stamp(path);
    bool same = own && !strcmp(own, stamp);

    free(own);
    return same;
}

int destination_placeholder(struct destination *d)
{
    int fd, rc = 0;

    if (d->block || !access(d->path, F_OK))
        return 0;
    fd = open(d->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        rc = -errno;
        log_errno(rc, "%s", d->path);
        return rc;
    }
    close(fd);
    d->placeholder = true;
    return 0;
}

static int not_synced(struct destination *d, int rc)
{
    log_errno(rc, "disk %s: %s could not be brought to its storage", d->vdev,
              d->block ? d->path : d->staging_path);
    /* Its pages count as clean now, and the next try must not take them for
     * what the storage holds. */
    destination_drop(d, 0, d->size);
    return rc;
}

int destination_sync(struct destination *d)
{
    int rc = gather_settle(d->gather, 0, d->size);

    gather_free(d->gather);
    d->gather = NULL;
    if (rc)
        return rc;
    return fdatasync(d->fd) ? not_synced(d, -errno) : 0;
}

int destination_flush(struct destination *d, uint64_t offset, uint64_t length)
{
    unsigned flags = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
        SYNC_FILE_RANGE_WAIT_AFTER;
    int rc = gather_settle(d->gather, offset, length);

    if (rc)
        return rc;
    if (!sync_file_range(d->fd, offset, length, flags))
        return 0;
    return errno == EINVAL || errno == ENOSYS || errno == ESPIPE ?
        -EOPNOTSUPP : not_synced(d, -errno);
}

void destination_begin_flush(struct destination *d)
{
    sync_file_range(d->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

int destination_read(const struct destination *d, void *data, size_t length,
                     uint64_t offset)
{
    struct image cached = d->storage;

    if (!d->block)
        cached.direct_fd = -1;
    return image_read(&cached, data, length, offset);
}

void destination_drop(struct destination *d, uint64_t offset, uint64_t length)
{
    image_drop_cache(&d->storage, offset, length);
}

/* Owner and mode as those of the file that is replaced. */
static void keep_owner(struct destination *d)
{
    struct stat st;

    if (stat(d->path, &st) || st.st_size == 0)
        return;
    if (fchown(d->fd, st.st_uid, st.st_gid))
        log_warn("disk %s: owner of %s is not kept", d->vdev, d->path);
    if (fchmod(d->fd, st.st_mode & 07777))
        log_warn("disk %s: mode of %s is not kept", d->vdev, d->path);
}

/* A host that is reset between the renaming and the last record would have a
 * disk there that nobody knows, and refuse the next try. */
static void record_early(struct destination *d)
{
    struct record_key key = { d->uuid, d->vdev, d->path };
    struct image now = IMAGE_INIT;

    if (!image_open(&now, d->staging_path))
        record_intend(d->state_dir, &key, &now);
    image_release(&now);
}

static int put_in_place(struct destination *d)
{
    int rc = 0;

    keep_owner(d);
    if (fsync(d->fd))
        rc = -errno;
    if (!rc && d->is_wanted && !d->is_wanted(d->opaque))
        return -EPIPE;
    if (!rc)
        record_early(d);
    if (!rc && rename(d->staging_path, d->path))
        rc = -errno;
    if (!rc)
        rc = fd_sync_directory_of(d->path);
    if (rc)
        log_errno(rc, "disk %s: %s cannot be put in place", d->vdev,
                  d->path);
    else
        d->placeholder = false;
    d->placed = !rc;
    return rc;
}

/* Whoever has it open for writing keeps the guest's next migration from being
 * traced, and we still enter it into the index. */
static void end_writing(struct destination *d)
{
    if (d->direct_fd >= 0)
        close(d->direct_fd);
    close(d->fd);
    d->direct_fd = d->fd = -1;
}

int destination_place(struct destination *d, const uint8_t root[HASH_BYTES])
{
    struct record_key key = { d->uuid, d->vdev, d->path };
    struct record_key unfinished = { d->uuid, d->vdev, d->staging_path };
    struct image now = IMAGE_INIT;
    int rc;

    rc = destination_sync(d);
    if (!rc && !d->block)
        rc = put_in_place(d);
    if (rc)
        return rc;
    d->begun = false;
    guard_dismiss(&d->guard);
    record_remove(d->state_dir, &unfinished);
    rc = image_open(&now, d->path);
    /* Without its record the copy is as good; only its return trip is not. */
    if (!rc)
        record_write(d->state_dir, &key, RECORD_RECEIVED, &now, root);
    image_release(&now);
    end_writing(d);
    return rc;
}

/* A staging file that holds nothing is of no use to the next try. */
static void remove_empty(const struct destination *d)
{
    struct record_key unfinished = { d->uuid, d->vdev, d->staging_path };
    struct stat st;

    /* Without storage it was not ours to begin with: somebody has its lock. */
    if (d->block || d->fd < 0 || d->storage.fd < 0 || d->placed ||
        fstat(d->fd, &st) || st.st_blocks > 0)
        return;
    unlink(d->staging_path);
    record_remove(d->state_dir, &unfinished);
}

/* From now on every write to the device is somebody else's. */
static void record_failed(struct destination *d)
{
    struct record_key key = { d->uuid, d->vdev, d->path };

    if (!d->begun)
        return;
    if (fdatasync(d->fd))
        not_synced(d, -errno);
    record_write(d->state_dir, &key, RECORD_RECEIVING, &d->storage, NULL);
    guard_dismiss(&d->guard);
}

void destination_release(struct destination *d)
{
    /* What has arrived is kept. */
    gather_settle(d->gather, 0, d->size);
    gather_free(d->gather);
    record_failed(d);
    if (d->direct_fd >= 0)
        close(d->direct_fd);
    remove_empty(d);
    if (d->placeholder)
        unlink(d->path);
    image_release(&d->storage);
    if (d->fd >= 0)
        close(d->fd);
    free(d->staging_path);
    *d = (struct destination)DESTINATION_INIT;
}
