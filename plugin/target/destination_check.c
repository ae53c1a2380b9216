/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a disk may go to its destination; see destination_check.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "plugin/base/fdio.h"
#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/content/segment.h"
#include "plugin/image/node.h"
#include "plugin/target/destination_check.h"
#include "plugin/target/destination_enter.h"
#include "plugin/target/destination_lookout.h"
#include "plugin/target/destination_path.h"
#include "plugin/target/destination_staging.h"

static int check_busy(const struct destination *d, const struct stat *st,
                      char *why, size_t size)
{
    const struct used_path *b;
    struct stat other;

    for (b = d->busy; b; b = b->next)
        if (!stat(b->path, &other) && same_node(st, &other))
            return explain(why, size, -EBUSY, "%s is in use by %s there; shut "
                           "that down first", d->path, b->user);
    return 0;
}

/* The directory */

/* With one of these nothing can take the name's place. */
static int check_attributes(int directory_fd, const char *name,
                            const char *path, char *why, size_t size)
{
    struct statx st;

    if (statx(directory_fd, name, AT_SYMLINK_NOFOLLOW, 0, &st))
        return explain(why, size, -errno, "%s: %s", path, strerror(errno));
    if (st.stx_attributes & STATX_ATTR_IMMUTABLE)
        return explain(why, size, -EPERM, "%s is immutable there; run "
                       "'chattr -i %s' there", path, path);
    if (st.stx_attributes & STATX_ATTR_APPEND)
        return explain(why, size, -EPERM, "%s can only be appended to there; "
                       "run 'chattr -a %s' there", path, path);
    return 0;
}

static int check_mount(const struct destination *d, const char *directory,
                       char *why, size_t size)
{
    struct statvfs fs;

    if (fstatvfs(d->directory_fd, &fs))
        return explain(why, size, -errno, "%s: %s", directory,
                       strerror(errno));
    if (fs.f_flag & ST_RDONLY)
        return explain(why, size, -EROFS, "the file system of %s is mounted "
                       "read-only there; mount it for writing", directory);
    return 0;
}

static int check_directory(const struct destination *d,
                           const char *directory, char *why, size_t size)
{
    int rc = check_mount(d, directory, why, size);

    if (!rc)
        rc = check_attributes(d->directory_fd, ".", directory, why, size);
    if (!rc && fsync(d->directory_fd))
        rc = explain(why, size, -errno, "%s cannot be brought to its storage "
                     "there (%s), so no disk would stay in it; use another "
                     "directory", directory, strerror(errno));
    return rc;
}

/* Free space for what the staging file does not have yet. */
static int check_space(const struct destination *d, const char *directory,
                       char *why, size_t size)
{
    struct statvfs fs;
    struct stat st;
    uint64_t available, have = 0;

    if (fstatvfs(d->directory_fd, &fs))
        return explain(why, size, -errno, "%s: %s", directory,
                       strerror(errno));
    if (!fstatat(d->directory_fd, path_basename(d->staging_path), &st,
                 AT_SYMLINK_NOFOLLOW))
        have = (uint64_t)st.st_blocks * 512;
    available = (uint64_t)fs.f_bavail * fs.f_frsize + have;
    if (d->used <= available)
        return 0;
    return explain(why, size, -ENOSPC, "%s needs %" PRIu64 " MB but %s has "
                   "only %" PRIu64 " MB free; free some space there or move "
                   "the disk's path", d->path, d->used / 1000000, directory,
                   available / 1000000);
}

static bool has_no_nameless(int errnum)
{
    return errnum == EOPNOTSUPP || errnum == EISDIR || errnum == EINVAL ||
        errnum == ENOSYS;
}

/* What an earlier try left need not be made. */
static bool is_needless(const struct destination *d, int errnum)
{
    return (errnum == ENOSPC || errnum == EDQUOT) &&
        !faccessat(d->directory_fd, path_basename(d->staging_path), F_OK,
                   AT_SYMLINK_NOFOLLOW);
}

/* A file that never gets a name shows whether one could be made, of that
 * length. */
static int check_making(const struct destination *d, const char *directory,
                        char *why, size_t size)
{
    int fd = openat(d->directory_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC,
                    0600);
    int rc = 0;

    if (fd < 0 && has_no_nameless(errno))
        rc = faccessat(d->directory_fd, ".", W_OK | X_OK, AT_EACCESS) ?
            -errno : 0;
    else if (fd < 0)
        rc = is_needless(d, errno) ? 0 : -errno;
    if (rc)
        return explain(why, size, rc, "no file can be made in %s: %s",
                       directory, strerror(-rc));
    if (fd >= 0) {
        rc = fd_truncate(fd, d->size);
        close(fd);
    }
    if (rc)
        explain(why, size, rc, "%s cannot be made %" PRIu64 " bytes long: %s",
                d->path, d->size, strerror(-rc));
    return rc;
}

/* What is there */

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

/* Sets d->earlier.  What is allowed may have its claim under the other name. */
static enum record_match find_record(struct destination *d,
                                     const struct image *img)
{
    struct record_key key = { d->uuid, d->vdev, d->path };
    struct record_key named = { d->uuid, d->vdev, d->named };
    enum record_match match = record_check(d->state_dir, &key, img, d->shown,
                                           &d->earlier), other;
    struct claim claim;

    if (!d->named || match == RECORD_SAME || d->earlier.own.set)
        return match;
    other = record_check(d->state_dir, &named, img, d->shown, &claim);
    if (claim.own.set)
        d->earlier = claim;
    return other == RECORD_NONE || match == RECORD_ALLOWED ? match : other;
}

/* Whoever has not shown the secret is not told what became of the copy. */
static int refuse_unproven(const struct destination *d, bool secretless,
                           char *why, size_t size)
{
    return explain(why, size, -EEXIST, "%s exists, and the sending host has "
                   "not shown that it has sent the copy that lies there%s; "
                   "move it away, or run 'xl-dedup allow %s' there to have it "
                   "overwritten", d->path, secretless ? " (it was recorded "
                   "by an older version, which agreed on no secret for that)" :
                   "", d->path);
}

static int check_known(struct destination *d, const struct image *img,
                       char *why, size_t size)
{
    enum record_match match = find_record(d, img);

    switch (match) {
    case RECORD_SAME:
    case RECORD_ALLOWED:
        d->exists = true;
        /* The admin's word is for overwriting it, not for telling of it. */
        d->foreign = d->block && (!d->earlier.own.set || d->earlier.foreign);
        d->goes_on = d->block ? d->earlier.unfinished : d->goes_on;
        if (d->block && d->goes_on)
            d->claim = d->earlier;
        return 0;
    case RECORD_UNPROVEN:
    case RECORD_SECRETLESS:
        return refuse_unproven(d, match == RECORD_SECRETLESS, why, size);
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

static int check_content(struct destination *d, char *why, size_t size)
{
    struct image img = IMAGE_INIT;
    struct stat st;
    int rc = destination_image(d, d->path, &img);

    if (rc)
        return explain(why, size, rc, "%s cannot be read: %s", d->path,
                       strerror(-rc));
    if (fstat(img.fd, &st) || !same_node(&st, &d->found))
        rc = explain(why, size, -EBUSY, "%s is being replaced by something "
                     "else there", d->path);
    else
        rc = check_known(d, &img, why, size);
    image_release(&img);
    return rc;
}

/* It must be possible to take its place. */
static int check_replaceable(struct destination *d, char *why, size_t size)
{
    const char *name = path_basename(d->path);
    struct statx st;

    if (fstatat(d->directory_fd, name, &d->found, AT_SYMLINK_NOFOLLOW))
        return explain(why, size, -errno, "%s: %s", d->path, strerror(errno));
    if (!S_ISREG(d->found.st_mode))
        return explain(why, size, -EBUSY, "%s is being replaced by something "
                       "else there", d->path);
    if (!statx(d->directory_fd, name, AT_SYMLINK_NOFOLLOW, 0, &st) &&
        st.stx_attributes & STATX_ATTR_MOUNT_ROOT)
        return explain(why, size, -EBUSY, "another file is mounted on %s "
                       "there; unmount it", d->path);
    return check_attributes(d->directory_fd, name, d->path, why, size);
}

static int check_users(const struct destination *d, char *why, size_t size)
{
    int fd = destination_open_found(d), rc;

    if (fd < 0)
        return explain(why, size, fd, "%s cannot be read: %s", d->path,
                       strerror(-fd));
    rc = destination_find_user(d, fd, why, size);
    close(fd);
    return rc;
}

static int check_existing(struct destination *d, char *why, size_t size)
{
    int rc = check_replaceable(d, why, size);

    if (!rc)
        rc = check_users(d, why, size);
    /* Nothing can be lost with an empty file. */
    return rc || d->found.st_size == 0 ? rc : check_content(d, why, size);
}

/* A regular file, which is there or (d->nothing) is not. */
static int check_file(struct destination *d, char *why, size_t size)
{
    char *directory = path_dirname(d->path);
    int rc;

    if (!directory)
        return -ENOMEM;
    rc = check_directory(d, directory, why, size);
    if (!rc)
        rc = check_file_sectors(d, why, size);
    if (!rc && !d->nothing)
        rc = check_existing(d, why, size);
    if (!rc)
        rc = check_space(d, directory, why, size);
    if (!rc)
        rc = check_making(d, directory, why, size);
    free(directory);
    return rc;
}

/* Devices */

/* Whether a device reads all zero, so that nothing can be lost with it. */
static bool reads_zero(const struct image *img)
{
    struct segment_digest d[64];
    uint64_t n = segment_count(img->size), i;
    struct threadpool *pool;
    size_t count, j;
    bool zero = true;

    if (threadpool_new(&pool, 0))
        return false;
    for (i = 0; i < n && zero; i += count) {
        count = n - i < 64 ? n - i : 64;
        memset(d, 0, sizeof(d));
        zero = !segments_hash(img, pool, i, count, d);
        for (j = 0; j < count; j++)
            zero = zero && d[j].zero;
    }
    threadpool_free(pool);
    return zero;
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

static int check_device_content(struct destination *d, char *why, size_t size)
{
    struct image img = IMAGE_INIT;
    int rc = destination_image(d, d->path, &img);

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

/* The device before it is read: what is written meanwhile shows later. */
static int check_open_device(struct destination *d, int fd, char *why,
                             size_t size)
{
    int read_only = 0, rc;

    if (!ioctl(fd, BLKROGET, &read_only) && read_only)
        return explain(why, size, -EROFS, "%s is read-only there; make it "
                       "writable (blockdev --setrw, lvchange -p rw)",
                       d->path);
    rc = stamp_of_fd(fd, &d->stamp);
    if (rc || fstat(fd, &d->found))
        return explain(why, size, rc ? rc : -errno, "%s: %s", d->path,
                       strerror(rc ? -rc : errno));
    return destination_find_user(d, fd, why, size);
}

static int check_device(struct destination *d, char *why, size_t size)
{
    int fd, rc;

    d->block = true;
    d->goes_on = false;
    /* Exclusive: neither mounted nor part of something else. */
    fd = openat(d->directory_fd, path_basename(d->path),
                O_RDONLY | O_EXCL | O_CLOEXEC);
    if (fd < 0)
        return explain(why, size, -errno, "%s cannot be opened for this disk "
                       "alone: %s; unmount or detach it there", d->path,
                       strerror(errno));
    rc = check_open_device(d, fd, why, size);
    close(fd);
    return rc ? rc : check_device_content(d, why, size);
}

/* All */

static int check_absent(struct destination *d, char *why, size_t size)
{
    d->nothing = true;
    if (destination_is_device_name(d->path))
        return destination_explain_no_device(d->path, d->size, why, size);
    return check_file(d, why, size);
}

static int check_present(struct destination *d, const struct stat *st,
                         char *why, size_t size)
{
    int rc = check_busy(d, st, why, size);

    if (rc)
        return rc;
    if (S_ISBLK(st->st_mode))
        return check_device(d, why, size);
    if (!S_ISREG(st->st_mode))
        return explain(why, size, -EINVAL, "%s is neither a file nor a block "
                       "device there", d->path);
    return check_file(d, why, size);
}

int destination_check(struct destination *d, char *why, size_t size)
{
    struct stat st;
    int rc;

    rc = destination_choose_staging(d);
    if (rc)
        return rc;
    rc = destination_stat(d, &st);
    if (!rc)
        return check_present(d, &st, why, size);
    return rc == -ENOENT ? check_absent(d, why, size) :
        explain(why, size, rc, "%s: %s", d->path, strerror(-rc));
}
