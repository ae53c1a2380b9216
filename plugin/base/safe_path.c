/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Directories on whose way nobody but us can put anything else; see
 * safe_path.h.
 *
 * openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS would keep a lookup
 * where it belongs, but says nothing of the directories that it passes.  Since
 * each of them is opened here anyway, O_NOFOLLOW does the same on any kernel:
 * one component is never a link, and never "..".  Source: open(2), openat2(2),
 * sshd_config(5).
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/base/safe_path.h"

#define LINKS_MAX 40            /* as the kernel's own */

struct walk {
    int fd;                     /* of the directory where it stands, O_PATH */
    char done[PATH_MAX];        /* the path of that, without links */
    char *rest;                 /* what is still to be walked, owned */
    size_t strict;              /* bytes at the end of rest without links */
    unsigned links;             /* that were followed */
    const char *path;           /* all of it */
    char *why;
    size_t size;
};

static bool is_trusted(uid_t owner)
{
    return owner == 0 || owner == geteuid();
}

/* Whether others could put something else into the directory. */
static int check_here(const struct walk *w, bool last)
{
    const char *name = *w->done ? w->done : "/";
    struct stat st;

    if (fstat(w->fd, &st))
        return explain(w->why, w->size, -errno, "%s: %s", name,
                       strerror(errno));
    if (!is_trusted(st.st_uid))
        return explain(w->why, w->size, -EPERM, "the directory %s belongs to "
                       "user %u, who could exchange what is in it; give it to "
                       "root (chown root %s), or use another one", name,
                       (unsigned)st.st_uid, name);
    if (!(st.st_mode & (S_IWGRP | S_IWOTH)))
        return 0;
    if (!(st.st_mode & S_ISVTX))
        return explain(w->why, w->size, -EPERM, "others may write to the "
                       "directory %s, and could exchange what is in it; take "
                       "that away (chmod go-w %s), or use another one", name,
                       name);
    return !last ? 0 :
        explain(w->why, w->size, -EPERM, "everybody may make files in the "
                "directory %s; use one of its own below it", name);
}

/* Takes the next component off what is left.  False: there is none. */
static bool take_name(struct walk *w, char name[NAME_MAX + 1], bool *linked_r,
                      int *rc_r)
{
    char *from = w->rest + strspn(w->rest, "/");
    size_t length = strcspn(from, "/");

    *rc_r = length > NAME_MAX ? -ENAMETOOLONG : 0;
    if (!length || *rc_r)
        return false;
    *linked_r = strlen(from) > w->strict;
    memcpy(name, from, length);
    name[length] = '\0';
    memmove(w->rest, from + length, strlen(from + length) + 1);
    return true;
}

/* A directory becomes the one where it stands. */
static int enter(struct walk *w, int fd, const char *name)
{
    size_t length = strlen(w->done);
    char *slash;

    close(w->fd);
    w->fd = fd;
    if (!strcmp(name, "..")) {
        slash = strrchr(w->done, '/');
        if (slash)
            *slash = '\0';
        return 0;
    }
    if (length + 1 + strlen(name) >= sizeof(w->done))
        return -ENAMETOOLONG;
    sprintf(w->done + length, "/%s", name);
    return 0;
}

/* What a link says is walked before what was left. */
static int follow(struct walk *w, int link, const struct stat *st,
                  const char *name)
{
    char target[PATH_MAX], *rest;
    ssize_t n;
    int root;

    if (!is_trusted(st->st_uid))
        return explain(w->why, w->size, -EPERM, "%s/%s is a symbolic link that "
                       "user %u has made", w->done, name,
                       (unsigned)st->st_uid);
    n = readlinkat(link, "", target, sizeof(target) - 1);
    if (n < 0)
        return -errno;
    if (++w->links > LINKS_MAX || n == sizeof(target) - 1)
        return -ELOOP;
    target[n] = '\0';
    if (asprintf(&rest, "%s%s%s", target, w->rest[0] ? "/" : "", w->rest) < 0)
        return -ENOMEM;
    free(w->rest);
    w->rest = rest;
    if (target[0] != '/')
        return 0;
    root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -errno;
    close(w->fd);
    w->fd = root;
    w->done[0] = '\0';
    return 0;
}

static int step(struct walk *w, const char *name, bool linked)
{
    int fd = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), rc;
    struct stat st;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st)) {
        rc = -errno;
    } else if (S_ISDIR(st.st_mode)) {
        return enter(w, fd, name);
    } else if (!S_ISLNK(st.st_mode)) {
        rc = -ENOTDIR;
    } else if (!linked) {
        rc = explain(w->why, w->size, -ELOOP, "%s/%s is a symbolic link, which "
                     "is not followed; name what it leads to", w->done, name);
    } else {
        rc = follow(w, fd, &st, name);
    }
    close(fd);
    return rc;
}

/* All but the last look. */
static int walk(struct walk *w)
{
    char name[NAME_MAX + 1];
    bool linked;
    int rc = 0;

    while (take_name(w, name, &linked, &rc) && !rc) {
        rc = check_here(w, false);
        if (!rc && strcmp(name, "."))
            rc = step(w, name, linked);
        if (rc)
            break;
    }
    return rc;
}

static int begin(struct walk *w, const char *path, size_t linked, char *why,
                 size_t size)
{
    size_t length = strlen(path);

    *w = (struct walk){ .fd = -1, .path = path, .why = why, .size = size };
    why[0] = '\0';
    w->strict = linked < length ? length - linked : 0;
    w->rest = strdup(path);
    if (!w->rest)
        return -ENOMEM;
    if (!path_is_plain(path))
        return explain(why, size, -EINVAL, "'%s' is not an absolute path "
                       "without '..'", path);
    w->fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return w->fd < 0 ? -errno : 0;
}

static int end(struct walk *w, int rc)
{
    if (w->fd >= 0)
        close(w->fd);
    free(w->rest);
    if (rc < 0 && !w->why[0])
        explain(w->why, w->size, rc, "%s: %s", w->path, strerror(-rc));
    return rc;
}

int safe_path_open(const char *path, size_t linked, char *why, size_t size)
{
    struct walk w;
    int rc = begin(&w, path, linked, why, size);

    if (!rc)
        rc = walk(&w);
    if (!rc)
        rc = check_here(&w, true);
    if (!rc) {
        rc = openat(w.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (rc < 0)
            rc = -errno;
    }
    return end(&w, rc);
}

int safe_path_check(const char *path, char *why, size_t size)
{
    struct walk w;
    int rc = begin(&w, path, strlen(path), why, size);

    if (!rc)
        rc = walk(&w);
    if (!rc)
        rc = check_here(&w, true);
    return end(&w, rc);
}
