/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether what was checked is still there, unchanged and not in use; see
 * destination_lookout.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/image/users.h"
#include "plugin/target/destination_enter.h"
#include "plugin/target/destination_lookout.h"

#define WHY_BYTES 4096

struct lookout {
    _Atomic uint64_t looked;    /* monotonic_ms() */
    pthread_mutex_t lock;       /* covers what follows */
    int rc;
};

bool destination_is_found(const struct destination *d, const struct stat *st,
                          bool renamed)
{
    return stamp_file_same(&d->found, st, renamed);
}

int destination_open_name(const struct destination *d, const char *name,
                          bool renamed)
{
    int fd = openat(d->directory_fd, name,
                    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;

    if (fd < 0)
        return -errno;
    if (!fstat(fd, &st) && destination_is_found(d, &st, renamed))
        return fd;
    close(fd);
    return -EBUSY;
}

int destination_open_found(const struct destination *d)
{
    return destination_open_name(d, path_basename(d->path), false);
}

int destination_find_user(const struct destination *d, int fd, char *why,
                          size_t size)
{
    char user[256];

    if (!users_find_writing(fd, user, sizeof(user)))
        return 0;
    if (!strncmp(user, "/dev/loop", 9))
        return explain(why, size, -EBUSY, "%s is in use by %s there; detach "
                       "it first (losetup -d %s)", d->path, user, user);
    return explain(why, size, -EBUSY, "%s is in use by %s there; end that "
                   "first", d->path, user);
}

/* Files */

static bool is_same_directory(const struct destination *d)
{
    char *directory = path_dirname(d->path);
    struct stat now, then;
    bool same = directory && !stat(directory, &now) &&
        !fstat(d->directory_fd, &then) && now.st_dev == then.st_dev &&
        now.st_ino == then.st_ino;

    free(directory);
    return same;
}

int destination_explain_came(const struct destination *d, char *why,
                             size_t size)
{
    return explain(why, size, -EBUSY, "%s has come there while the disk was "
                   "on its way; it is left alone: move it away and try again",
                   d->path);
}

static int look_at_file(const struct destination *d, char *why, size_t size)
{
    struct stat st;
    int fd, rc;

    if (!is_same_directory(d))
        return explain(why, size, -EBUSY, "the directory of %s is another "
                       "one there than when the disk was offered; try again",
                       d->path);
    if (fstatat(d->directory_fd, path_basename(d->path), &st,
                AT_SYMLINK_NOFOLLOW)) {
        if (errno != ENOENT)
            return explain(why, size, -errno, "%s: %s", d->path,
                           strerror(errno));
        return d->nothing ? 0 :
            explain(why, size, -EBUSY, "%s was removed there while the disk "
                    "was on its way; try again", d->path);
    }
    if (d->nothing)
        return destination_explain_came(d, why, size);
    fd = destination_open_found(d);
    if (fd < 0)
        return explain(why, size, -EBUSY, "%s was written to, changed or "
                       "replaced there while the disk was on its way; it is "
                       "left alone: see what it is and try again", d->path);
    rc = destination_find_user(d, fd, why, size);
    close(fd);
    return rc;
}

/* Devices */

static int look_at_device(const struct destination *d, char *why, size_t size)
{
    struct stat st;

    if (destination_stat(d, &st) || !S_ISBLK(st.st_mode) ||
        st.st_rdev != d->found.st_rdev)
        return explain(why, size, -EBUSY, "%s is another device there than "
                       "when the disk was offered; it is left alone: see what "
                       "it is and try again", d->path);
    return destination_find_user(d, d->fd, why, size);
}

int destination_look_again(const struct destination *d, char *why,
                           size_t size)
{
    return d->block ? look_at_device(d, why, size) :
        look_at_file(d, why, size);
}

/* Since the check. */
static bool was_written_to(const struct destination *d)
{
    struct stamp now;
    struct stat st;

    return fstat(d->fd, &st) || st.st_rdev != d->found.st_rdev ||
        stamp_of_fd(d->fd, &now) || now.size != d->stamp.size ||
        now.diskseq != d->stamp.diskseq || now.written != d->stamp.written;
}

int destination_lookout_begin(struct destination *d, char *why, size_t size)
{
    int rc = destination_look_again(d, why, size);

    if (rc)
        return rc;
    if (was_written_to(d))
        return explain(why, size, -EBUSY, "%s was written to or exchanged "
                       "there while it was being checked; see what uses it and "
                       "try again", d->path);
    d->lookout = calloc(1, sizeof(*d->lookout));
    if (!d->lookout)
        return explain(why, size, -ENOMEM, "out of memory");
    pthread_mutex_init(&d->lookout->lock, NULL);
    d->lookout->looked = monotonic_ms();
    return 0;
}

static bool is_time(const struct lookout *l)
{
    return monotonic_ms() - l->looked >= LOOK_SECONDS * 1000u;
}

int destination_lookout(struct destination *d)
{
    struct lookout *l = d->lookout;
    char why[WHY_BYTES];
    int rc;

    if (!l || !is_time(l))
        return 0;
    pthread_mutex_lock(&l->lock);
    if (!l->rc && is_time(l)) {
        l->rc = d->look ? d->look(d->look_opaque, why, sizeof(why)) :
            destination_look_again(d, why, sizeof(why));
        if (l->rc)
            destination_give_up(d, l->rc, why);
        else
            l->looked = monotonic_ms();
    }
    /* Once in use, it is not written to any more. */
    rc = l->rc;
    pthread_mutex_unlock(&l->lock);
    return rc;
}

void destination_lookout_end(struct destination *d)
{
    if (!d->lookout)
        return;
    pthread_mutex_destroy(&d->lookout->lock);
    free(d->lookout);
    d->lookout = NULL;
}

int destination_give_up(struct destination *d, int rc, const char *why)
{
    if (!d->reason)
        d->reason = strdup(why);
    return rc;
}
