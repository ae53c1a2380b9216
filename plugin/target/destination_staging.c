/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which staging file a disk is built in; see destination_staging.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/fdio.h"
#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/target/destination_path.h"
#include "plugin/target/destination_staging.h"
#include "plugin/target/staging.h"

static bool has_content(const struct destination *d, const char *path)
{
    struct stat st;

    return !fstatat(d->directory_fd, path_basename(path), &st,
                    AT_SYMLINK_NOFOLLOW) &&
        S_ISREG(st.st_mode) && st.st_blocks > 0;
}

/* Whether the source has begun this one. */
static bool is_begun(struct destination *d, const char *path)
{
    struct record_key key = { d->uuid, d->vdev, path };
    struct claim claim;

    if (!has_content(d, path) ||
        !record_shown(d->state_dir, &key, d->shown, &claim))
        return false;
    d->claim = claim;
    d->goes_on = true;
    return true;
}

/* One that has another name because the usual one was taken. */
static int find_other(struct destination *d)
{
    size_t i, n = d->shown ? d->shown->n : 0;
    char *path;

    for (i = 0; i < n; i++) {
        path = destination_staging_path(d->path, d->shown->list[i].name);
        if (!path)
            return -ENOMEM;
        if (is_begun(d, path)) {
            free(d->staging_path);
            d->staging_path = path;
            return 0;
        }
        free(path);
    }
    return 0;
}

static int begin_other(struct destination *d)
{
    uint8_t name[PROTO_SECRET_NAME];

    secret_name(&d->claim.own, name);
    free(d->staging_path);
    d->staging_path = destination_staging_path(d->path, name);
    return d->staging_path ? 0 : -ENOMEM;
}

int destination_choose_staging(struct destination *d)
{
    int rc = 0;

    d->main_staging_path = destination_staging_path(d->path, NULL);
    d->staging_path = destination_staging_path(d->path, NULL);
    if (!d->main_staging_path || !d->staging_path)
        return -ENOMEM;
    if (!is_begun(d, d->staging_path))
        rc = find_other(d);
    if (rc || d->goes_on)
        return rc;
    secret_make(&d->claim.own);
    return has_content(d, d->staging_path) ? begin_other(d) : 0;
}

static int explain_locked(const char *path, char *why, size_t size)
{
    return explain(why, size, -EBUSY, "%s is being written by another "
                   "migration", path);
}

int destination_open_main_staging(struct destination *d, char *why,
                                  size_t size)
{
    const char *path = d->main_staging_path;
    struct stat st;
    int fd;

    if (!strcmp(d->staging_path, path))
        return 0;
    fd = staging_open(d->directory_fd, path_basename(path), O_RDONLY, path,
                      &st, why, size);
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    d->main_staging_fd = fd;
    return 0;
}

/* There is one session for a path at a time, whatever their files are. */
static int lock_main(struct destination *d, char *why, size_t size)
{
    int rc = destination_open_main_staging(d, why, size);

    if (!rc && d->main_staging_fd >= 0 &&
        flock(d->main_staging_fd, LOCK_EX | LOCK_NB))
        rc = explain_locked(d->main_staging_path, why, size);
    return rc;
}

/* What is there is gone on with if it is ours, and nothing else is made use
 * of. */
static int open_file(struct destination *d, struct stat *st_r, char *why,
                     size_t size)
{
    const char *name = path_basename(d->staging_path);

    d->fd = openat(d->directory_fd, name, O_RDWR | O_CREAT | O_EXCL |
                   O_CLOEXEC | O_NOFOLLOW, 0600);
    if (d->fd < 0 && errno == EEXIST)
        d->fd = staging_open(d->directory_fd, name, O_RDWR, d->staging_path,
                             st_r, why, size);
    else if (d->fd < 0)
        d->fd = explain(why, size, -errno, "%s cannot be created: %s",
                        d->staging_path, strerror(errno));
    else if (fstat(d->fd, st_r))
        return explain(why, size, -errno, "%s: %s", d->staging_path,
                       strerror(errno));
    if (d->fd < 0)
        return d->fd;
    return flock(d->fd, LOCK_EX | LOCK_NB) ?
        explain_locked(d->staging_path, why, size) : 0;
}

int destination_open_staging_file(struct destination *d, char *why,
                                  size_t size)
{
    struct stat st;
    int rc = lock_main(d, why, size);

    if (!rc)
        rc = open_file(d, &st, why, size);
    if (rc)
        return rc;
    if (!d->goes_on && st.st_blocks > 0)
        return explain(why, size, -EBUSY, "%s has come there in this moment; "
                       "try again", d->staging_path);
    d->resumed = st.st_blocks > 0;
    if (d->resumed)
        return 0;
    record_forget_staging(d->state_dir, d->staging_path);
    rc = fd_truncate(d->fd, 0);
    return rc ? explain(why, size, rc, "%s: %s", d->staging_path,
                        strerror(-rc)) : 0;
}
