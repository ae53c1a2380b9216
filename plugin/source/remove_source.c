/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source's copy of a disk that moved away; see remove_source.h.  Source:
 * fcntl(2) on leases. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/image/node.h"
#include "plugin/image/users.h"
#include "plugin/image/wipe.h"
#include "plugin/source/remove_source.h"
#include "plugin/state/record.h"

#define POLL_US 200000

struct disposal {
    bool wipe;
    double limit;               /* for the images to be free, by
                                   monotonic_seconds() */
    const char *state_dir;
    const char *uuid;
};

static int leave(const struct removal *r, int rc, const char *why)
{
    log_lasting(XTL_WARN, "disk %s: %s is left alone: %s", r->vdev, r->path,
                why);
    return rc;
}

static int leave_errno(const struct removal *r, int rc)
{
    return leave(r, rc, strerror(-rc));
}

/* Whether what fd is open on is still what was sent. */
static bool unchanged(const struct removal *r, int fd)
{
    struct stamp now;

    return !stamp_of_fd(fd, &now) && now.dev == r->stamp.dev &&
        stamp_same(&now, &r->stamp);
}

/* Somebody else has it, and the message names them. */
static int leave_in_use(const struct removal *r, int fd)
{
    char why[512], user[256] = "something";

    users_find(fd, user, sizeof(user));
    snprintf(why, sizeof(why), "it is still in use by %s", user);
    return leave(r, -EBUSY, why);
}

/* Until the lease is granted, the image in use, or what else is wrong. */
static int wait_lease(const struct removal *r, int fd, double limit)
{
    while (fcntl(fd, F_SETLEASE, F_WRLCK)) {
        if (errno != EAGAIN)
            return leave(r, -errno, "its file system cannot tell whether "
                         "somebody uses it");
        if (monotonic_seconds() > limit)
            return leave_in_use(r, fd);
        usleep(POLL_US);
    }
    return 0;
}

static int wipe(const struct removal *r, int fd)
{
    int rc = wipe_image(fd);

    if (rc)
        log_lasting(XTL_ERROR, "disk %s: %s could not be overwritten, it may "
                    "be so in part: %s", r->vdev, r->path, strerror(-rc));
    return rc;
}

/* The name must still be that of the open file: it may have been given to
 * another one. */
static int remove_name(const struct removal *r, int directory, int fd)
{
    const char *name = path_basename(r->path);
    struct stat named, held;

    if (fstatat(directory, name, &named, AT_SYMLINK_NOFOLLOW) ||
        fstat(fd, &held) || named.st_dev != held.st_dev ||
        named.st_ino != held.st_ino)
        return leave(r, -ESTALE, "another file has this name now");
    if (unlinkat(directory, name, 0))
        return leave_errno(r, -errno);
    /* So that it is gone after a crash, too. */
    if (fsync(directory))
        log_lasting(XTL_WARN, "directory of %s: %s", r->path, strerror(errno));
    return 0;
}

/* The name is looked up and removed in one directory: whoever can exchange that
 * for another one must not have us remove a file of the same name there. */
static int remove_file(const struct removal *r, int fd)
{
    char *path = path_dirname(r->path);
    int directory = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int rc = directory < 0 ? leave_errno(r, path ? -errno : -ENOMEM) :
        remove_name(r, directory, fd);

    if (directory >= 0)
        close(directory);
    free(path);
    return rc;
}

static int check_file(const struct removal *r, int fd)
{
    struct stat st;

    if (fstat(fd, &st))
        return leave_errno(r, -errno);
    if (!unchanged(r, fd))
        return leave(r, -ESTALE, "it is not as it was sent: somebody has "
                     "written to it or replaced it");
    if (st.st_nlink != 1)
        return leave(r, -EMLINK, "it has other names (hard links), which "
                     "would keep its content");
    return 0;
}

/* What follows leaves no good copy. */
static void forget(const struct removal *r, const struct disposal *to)
{
    struct record_key key = { to->uuid, r->vdev, r->given };

    record_remove(to->state_dir, &key);
}

static int dispose_file(const struct removal *r, const struct disposal *to)
{
    int fd = open(r->path, (to->wipe ? O_RDWR : O_RDONLY) | O_CLOEXEC |
                  O_NOFOLLOW | O_NONBLOCK), rc;

    if (fd < 0)
        return leave_errno(r, -errno);
    rc = check_file(r, fd);
    if (!rc)
        rc = wait_lease(r, fd, to->limit);
    /* Once more: now nobody can change it any more. */
    if (!rc)
        rc = check_file(r, fd);
    if (!rc) {
        forget(r, to);
        if (to->wipe)
            rc = wipe(r, fd);
        if (!rc)
            rc = remove_file(r, fd);
    }
    close(fd);
    return rc;
}

static int wait_device(const struct removal *r, double limit, int *fd_r)
{
    char user[256];
    int probe;

    for (;;) {
        /* Exclusive: neither mounted nor part of something else. */
        *fd_r = open(r->path, O_RDWR | O_EXCL | O_CLOEXEC);
        if (*fd_r < 0 && errno != EBUSY)
            return leave_errno(r, -errno);
        if (*fd_r >= 0 && !users_find(*fd_r, user, sizeof(user)))
            return 0;
        if (monotonic_seconds() > limit)
            break;
        if (*fd_r >= 0)
            close(*fd_r);
        usleep(POLL_US);
    }
    probe = *fd_r >= 0 ? *fd_r : open(r->path, O_RDONLY | O_CLOEXEC);
    *fd_r = -1;
    leave_in_use(r, probe);
    if (probe >= 0)
        close(probe);
    return -EBUSY;
}

static int dispose_device(const struct removal *r, const struct disposal *to)
{
    int fd, rc = wait_device(r, to->limit, &fd);

    if (rc)
        return rc;
    if (unchanged(r, fd)) {
        forget(r, to);
        rc = wipe(r, fd);
    } else {
        rc = leave(r, -ESTALE, "it is not as it was sent: somebody has "
                   "written to it");
    }
    close(fd);
    return rc;
}

static int dispose(const struct removal *r, const struct disposal *to)
{
    int rc;

    if (r->user)
        return leave(r, -EBUSY, r->user);
    if (!r->sent)
        return leave(r, -EINVAL, "what was sent of it is not known");
    if (!r->apart)
        return leave(r, -EEXIST, "it may be the storage that the guest uses "
                     "now, under another name: both had the same content all "
                     "the time");
    rc = r->stamp.block ? dispose_device(r, to) : dispose_file(r, to);
    if (!rc)
        log_lasting(XTL_INFO, "disk %s: %s %s", r->vdev, r->path,
                    r->stamp.block ? "was overwritten with zeros" :
                    to->wipe ? "was overwritten with zeros and removed" :
                    "was removed");
    return rc;
}

int remove_source_run(struct remove_source *r, unsigned seconds,
                      const char *state_dir, const char *uuid)
{
    struct disposal to = {
        .wipe = r->wipe,
        .limit = monotonic_seconds() + seconds,
        .state_dir = state_dir,
        .uuid = uuid,
    };
    struct removal *p;
    int rc = 0, one;

    /* Whoever opens a file while we hold its lease has us told so. */
    signal(SIGIO, SIG_IGN);
    for (p = r->first; p; p = p->next) {
        one = r->users_known ? dispose(p, &to) :
            leave(p, -EBUSY, "it is not known which other domains use it");
        if (!rc)
            rc = one;
    }
    return rc;
}

static void removal_free(struct removal *r)
{
    free(r->vdev);
    free(r->given);
    free(r->path);
    free(r->user);
    free(r);
}

int remove_source_option(struct remove_source *r, int option)
{
    if (option == REMOVE_SOURCE_OPTION_REMOVE)
        r->remove = true;
    else if (option == REMOVE_SOURCE_OPTION_WIPE)
        r->wipe = true;
    else
        return -ENOENT;
    return 0;
}

int remove_source_add(struct remove_source *r, const char *vdev,
                      const char *path)
{
    struct removal *p;
    struct stat st;

    if (!r->remove && !r->wipe)
        return 0;
    if (!r->wipe && !stat(path, &st) && S_ISBLK(st.st_mode)) {
        log_error("disk %s: %s is a block device, which cannot be removed; "
                  "have it overwritten with --dedup-wipe-source, or go "
                  "without and remove it by hand", vdev, path);
        return -ENOTSUP;
    }
    p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->vdev = strdup(vdev);
    p->given = strdup(path);
    p->path = realpath(path, NULL);
    if (!p->vdev || !p->given || !p->path) {
        removal_free(p);
        return -ENOMEM;
    }
    p->next = r->first;
    r->first = p;
    return 0;
}

void remove_source_in_use(struct remove_source *r, const char *path,
                          const char *user)
{
    struct stat ours, theirs;
    struct removal *p;

    for (p = r->first; p; p = p->next)
        if (!p->user && !stat(p->path, &ours) && !stat(path, &theirs) &&
            same_node(&ours, &theirs) &&
            asprintf(&p->user, "domain %s has it, too", user) < 0)
            p->user = NULL;
}

void remove_source_release(struct remove_source *r)
{
    struct removal *p;

    while ((p = r->first)) {
        r->first = p->next;
        removal_free(p);
    }
}
