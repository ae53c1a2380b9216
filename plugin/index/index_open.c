/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening the index of this host; see index_open.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/index/index_open.h"
#include "plugin/index/index_walk.h"

char *index_directory(const char *state_dir)
{
    char *path;

    return asprintf(&path, "%s/index", state_dir) < 0 ? NULL : path;
}

int index_prepare(const char *directory)
{
    char *path = strdup(directory), *slash;
    int rc = path ? 0 : -ENOMEM;

    slash = path ? strrchr(path, '/') : NULL;
    if (slash && slash > path) {
        *slash = '\0';
        rc = mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
    }
    free(path);
    return rc;
}

int index_lock_open(const char *directory)
{
    char *path;
    int fd = index_prepare(directory);

    if (fd)
        return fd;
    if (asprintf(&path, "%s.writer", directory) < 0)
        return -ENOMEM;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        fd = -errno;
    free(path);
    return fd;
}

int index_lock_take(int fd, bool wait)
{
    int rc;

    do {
        rc = flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) ? -errno : 0;
    } while (rc == -EINTR);
    return rc;
}

void index_lock_give(int fd)
{
    flock(fd, LOCK_UN);
}

int index_lock(const char *directory, bool wait)
{
    int fd = index_lock_open(directory), rc;

    if (fd < 0)
        return fd;
    rc = index_lock_take(fd, wait);
    if (rc) {
        close(fd);
        return rc;
    }
    return fd;
}

static int walk(struct store *s, MDB_txn *t)
{
    return index_walk(s, t, NULL);
}

int index_open(struct store **s_r, const char *directory,
               const struct store_options *opt)
{
    return store_open(s_r, directory, opt, walk);
}

int index_verify(const char *directory)
{
    return store_verify(directory, walk);
}
