/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The storage at a destination; see destination_storage.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/fdio.h"
#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/image/node.h"
#include "plugin/image/thin.h"
#include "plugin/proto.h"
#include "plugin/target/destination_enter.h"
#include "plugin/target/destination_lookout.h"
#include "plugin/target/destination_staging.h"
#include "plugin/target/destination_storage.h"
#include "plugin/target/destination_write.h"
#include "plugin/target/placeholder.h"
#include "plugin/target/staging.h"

/* Where names cannot be taken away none is to be made. */
static bool keeps_names(int directory)
{
    struct statx st;

    return !statx(directory, "", AT_EMPTY_PATH, 0, &st) &&
        st.stx_attributes & STATX_ATTR_APPEND;
}

int destination_probe(const struct destination *d, char **name_r)
{
    uint64_t random;
    struct stat st;
    int fd;

    *name_r = NULL;
    if (!destination_stat(d, &st) && !S_ISREG(st.st_mode))
        return 0;
    if (keeps_names(d->directory_fd))
        return -EPERM;
    randombytes_buf(&random, sizeof(random));
    if (asprintf(name_r, PROTO_PROBE "%0*" PRIx64, (int)PROTO_PROBE_DIGITS,
                 random) < 0) {
        *name_r = NULL;
        return -ENOMEM;
    }
    fd = openat(d->directory_fd, *name_r, O_WRONLY | O_CREAT | O_EXCL |
                O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        fd = -errno;
        free(*name_r);
        *name_r = NULL;
        return fd;
    }
    close(fd);
    return 0;
}

void destination_unprobe(const struct destination *d, char *name)
{
    if (name)
        unlinkat(d->directory_fd, name, 0);
    free(name);
}

static int open_device(struct destination *d, char *why, size_t size)
{
    int rc;

    d->fd = openat(d->directory_fd, path_basename(d->path),
                   O_RDWR | O_EXCL | O_CLOEXEC);
    if (d->fd < 0)
        return explain(why, size, -errno, "%s cannot be opened for writing: "
                       "%s", d->path, strerror(errno));
    rc = destination_lookout_begin(d, why, size);
    if (rc)
        return rc;
    rc = destination_image(d, d->path, &d->storage);
    d->thin = !rc && device_is_thin(d->storage.dev);
    if (rc)
        return explain(why, size, rc, "%s cannot be prepared: %s", d->path,
                       strerror(-rc));
    return 0;
}

int destination_own(struct destination *d)
{
    struct record_key key = { d->uuid, d->vdev, d->path };

    if (fdatasync(d->fd))
        return -errno;
    d->foreign = d->claim.foreign = false;
    return record_begin(d->state_dir, &key, &d->storage, &d->claim);
}

static int copy_range(int from, int to, off_t start, off_t end)
{
    uint8_t buffer[64 << 10];
    ssize_t n;

    for (; start < end; start += n) {
        n = (off_t)sizeof(buffer) < end - start ? (ssize_t)sizeof(buffer) :
            end - start;
        n = pread(from, buffer, n, start);
        /* What a short write leaves is copied next, or tells why not. */
        if (n > 0)
            n = pwrite(to, buffer, n, start);
        if (n == 0)
            return -EIO;
        if (n < 0 && errno != EINTR)
            return -errno;
        n = n > 0 ? n : 0;
    }
    return 0;
}

/* Begins with the earlier copy: a clone where the file system can share
 * blocks, a copy of what is not a hole elsewhere. */
static int begin_with_copy(struct destination *d)
{
    int from = destination_open_found(d), rc = 0;
    off_t data = 0, hole;

    if (from < 0)
        return from;
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

/* What can only be done while the staging file is empty. */
static void prepare_empty(const struct destination *d)
{
    int like = d->nothing ? -1 : destination_open_found(d);

    if (like < 0)
        return;
    owner_copy_nocow(like, d->fd);
    close(like);
}

static bool is_storage(const struct destination *d, const struct stat *st)
{
    return d->storage.dev == (uint64_t)st->st_dev &&
        d->storage.ino == (uint64_t)st->st_ino;
}

/* Gives the staging file, which is open, what it begins with. */
static int begin_staging(struct destination *d, char *why, size_t size)
{
    struct stat st;
    int rc;

    if (fstat(d->fd, &st))
        return explain(why, size, -errno, "%s: %s", d->staging_path,
                       strerror(errno));
    if (!d->resumed)
        prepare_empty(d);
    if (!d->resumed && d->earlier.own.set && (rc = begin_with_copy(d)))
        return explain(why, size, rc, "%s cannot be copied to %s: %s",
                       d->path, d->staging_path, strerror(-rc));
    rc = fd_truncate(d->fd, d->size);
    if (rc)
        return explain(why, size, rc, "%s cannot be made %" PRIu64
                       " bytes long: %s", d->staging_path, d->size,
                       strerror(-rc));
    rc = destination_image(d, d->staging_path, &d->storage);
    if (rc)
        return explain(why, size, rc, "%s cannot be read: %s",
                       d->staging_path, strerror(-rc));
    if (!is_storage(d, &st))
        return explain(why, size, -EBUSY, "%s is being replaced there; try "
                       "again", d->staging_path);
    return 0;
}

/* False: the name is another one's by now, and stays. */
static bool remove_staging(const struct destination *d)
{
    const char *name = path_basename(d->staging_path);
    struct stat own, named;

    return !fstat(d->fd, &own) &&
        !fstatat(d->directory_fd, name, &named, AT_SYMLINK_NOFOLLOW) &&
        same_node(&own, &named) && !unlinkat(d->directory_fd, name, 0);
}

static int open_staging(struct destination *d, char *why, size_t size)
{
    struct record_key key = { d->uuid, d->vdev, d->staging_path };
    int rc = destination_open_staging_file(d, why, size);
    bool found = d->resumed;

    if (rc)
        return rc;
    rc = begin_staging(d, why, size);
    if (rc && !found)
        remove_staging(d);
    if (rc)
        return rc;
    /* So that the next try and 'xl-dedup status' find what a failed one leaves.
     * What neither would find does not stay. */
    if (record_write(d->state_dir, &key, RECORD_UNFINISHED, &d->storage, NULL,
                     &d->claim) && !found)
        destination_spoil(d);
    return 0;
}

/* What a try of the same source has begun keeps its secret, so that it does not
 * matter whether this one gets as far as telling another. */
static void make_claim(struct destination *d)
{
    if (d->goes_on)
        return;
    d->claim.older = d->earlier.own;
    d->claim.foreign = d->foreign;
}

int destination_open(struct destination *d, char *why, size_t size)
{
    int rc;

    make_claim(d);
    rc = d->block ? open_device(d, why, size) : open_staging(d, why, size);
    if (rc)
        return rc;
    image_bypass_cache(&d->storage);
    destination_begin_coalescing(d);
    return 0;
}

/* Another length than the disk's reads as it would be made. */
static int look_at(struct destination *d, const char *path, char *why,
                   size_t size)
{
    int rc = destination_image(d, path, &d->storage);

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
    /* Given back at once: it must not be in the way of anybody. */
    if (flock(fd, LOCK_SH | LOCK_NB))
        return explain(why, size, -EBUSY, "%s is being written by another "
                       "migration", d->staging_path);
    flock(fd, LOCK_UN);
    d->resumed = true;
    return look_at(d, d->staging_path, why, size);
}

int destination_look(struct destination *d, char *why, size_t size)
{
    struct stat st;
    int fd, rc = 0;

    if (d->block)
        return look_at(d, d->path, why, size);
    rc = destination_open_main_staging(d, why, size);
    if (rc)
        return rc;
    fd = staging_open(d->directory_fd, path_basename(d->staging_path),
                      O_RDONLY, d->staging_path, &st, why, size);
    if (fd < 0 && fd != -ENOENT)
        return fd;
    if (fd >= 0) {
        if (d->goes_on && st.st_blocks > 0)
            rc = look_at_staging(d, fd, why, size);
        close(fd);
    }
    if (rc || d->resumed || !d->earlier.own.set)
        return rc;
    d->resumed = true;
    return look_at(d, d->path, why, size);
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
    int rc = coalesce_settle(d->coalesce, 0, d->size);

    coalesce_free(d->coalesce);
    d->coalesce = NULL;
    if (rc)
        return rc;
    return fdatasync(d->fd) ? not_synced(d, -errno) : 0;
}

int destination_flush(struct destination *d, uint64_t offset, uint64_t length)
{
    unsigned flags = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
        SYNC_FILE_RANGE_WAIT_AFTER;
    int rc = coalesce_settle(d->coalesce, offset, length);

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

void destination_spoil(struct destination *d)
{
    d->spoiled = true;
}

/* A staging file that holds nothing is of no use to the next try, and one that
 * holds what must not stay is not for it. */
static void remove_useless(const struct destination *d)
{
    struct record_key unfinished = { d->uuid, d->vdev, d->staging_path };
    struct stat st;

    /* Without storage it was not ours to begin with: somebody has its lock. */
    if (d->block || d->fd < 0 || d->storage.fd < 0 || d->placed ||
        fstat(d->fd, &st) || (st.st_blocks > 0 && !d->spoiled))
        return;
    if (remove_staging(d))
        record_remove(d->state_dir, &unfinished);
}

static void remove_placeholder(const struct destination *d)
{
    int rc;

    if (!d->placeholder || d->placed)
        return;
    rc = placeholder_remove(d->directory_fd, path_basename(d->path),
                            &d->found);
    if (rc == -EBUSY)
        log_warn("disk %s: %s is not the empty file any more that stood for "
                 "the disk, and stays", d->vdev, d->path);
    else if (rc)
        log_errno(rc, "disk %s: the empty file %s cannot be removed, and "
                  "does not hinder the next try", d->vdev, d->path);
}

/* From now on every write to the device is somebody else's. */
static void record_failed(struct destination *d)
{
    struct record_key key = { d->uuid, d->vdev, d->path };

    if (!d->begun)
        return;
    if (fdatasync(d->fd))
        not_synced(d, -errno);
    /* Without that the device is refused until it is allowed. */
    if (!d->spoiled)
        record_renew(d->state_dir, &key, &d->storage);
    guard_dismiss(&d->guard);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void destination_leave_names(struct destination *d)
{
    close_fd(&d->directory_fd);
    close_fd(&d->main_staging_fd);
}

void destination_settle(struct destination *d)
{
    coalesce_settle(d->coalesce, 0, d->size);
    coalesce_free(d->coalesce);
    d->coalesce = NULL;
}

void destination_leave(struct destination *d)
{
    image_release(&d->storage);
    close_fd(&d->direct_fd);
    close_fd(&d->fd);
    close_fd(&d->replaced_fd);
    destination_leave_names(d);
    destination_lookout_end(d);
    free(d->staging_path);
    free(d->main_staging_path);
    free(d->reason);
    *d = (struct destination)DESTINATION_INIT;
}

void destination_release(struct destination *d)
{
    /* What has arrived is kept. */
    destination_settle(d);
    record_failed(d);
    remove_useless(d);
    remove_placeholder(d);
    destination_leave(d);
}
