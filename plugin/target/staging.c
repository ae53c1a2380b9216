/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Staging files that are there already; see staging.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/proto.h"
#include "plugin/target/staging.h"

#define SUFFIX ".xl-dedup"

/* False: it is ours. */
static bool is_foreign(const struct stat *st, const struct stat *directory,
                       char *what, size_t size)
{
    bool foreign = true;

    if (!S_ISREG(st->st_mode))
        snprintf(what, size, "is not a regular file");
    else if (st->st_uid != geteuid())
        snprintf(what, size, "belongs to user %u", (unsigned)st->st_uid);
    else if ((st->st_mode & 07777) != 0600)
        snprintf(what, size, "has the mode %03o, not 600",
                 (unsigned)st->st_mode & 07777);
    else if (st->st_nlink != 1)
        snprintf(what, size, "has other names (hard links)");
    else if (st->st_dev != directory->st_dev)
        snprintf(what, size, "lies on another file system");
    else
        foreign = false;
    return foreign;
}

int staging_open(int directory, const char *name, int flags, const char *path,
                 struct stat *st_r, char *why, size_t size)
{
    /* O_NONBLOCK: a fifo of that name would make us wait. */
    int fd = openat(directory, name,
                    flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat parent;
    char what[128];
    int rc;

    if (fd < 0)
        return explain(why, size, -errno, "%s is there, but cannot be opened "
                       "(%s); see what it is and remove it", path,
                       strerror(errno));
    if (fstat(fd, st_r) || fstat(directory, &parent))
        rc = explain(why, size, -errno, "%s: %s", path, strerror(errno));
    else if (is_foreign(st_r, &parent, what, sizeof(what)))
        rc = explain(why, size, -EPERM, "%s is there and %s, so it is no "
                     "unfinished copy of ours; see what it is and remove it",
                     path, what);
    else
        return fd;
    close(fd);
    return rc;
}

/* The name of a secret, after a hyphen. */
#define TRY (1 + 2 * PROTO_SECRET_NAME)

static bool is_try(const char *text)
{
    return *text == '-' && strlen(text) == TRY &&
        strspn(text + 1, "0123456789abcdef") == TRY - 1;
}

static bool has_suffix(const char *name, size_t length)
{
    return length > 1 + strlen(SUFFIX) &&
        !strncmp(name + length - strlen(SUFFIX), SUFFIX, strlen(SUFFIX));
}

bool staging_is_name(const char *path)
{
    const char *name = path_basename(path);
    size_t length = strlen(name);

    if (length > TRY && is_try(name + length - TRY))
        length -= TRY;
    return *name == '.' && has_suffix(name, length);
}
