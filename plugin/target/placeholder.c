/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that stand for disks; see placeholder.h.  Source: rename(2). */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "plugin/image/users.h"
#include "plugin/target/placeholder.h"

int placeholder_make(int directory, const char *name, struct stat *st_r)
{
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                    0600);
    int rc = 0;

    if (fd < 0)
        return -errno;
    if (fstat(fd, st_r))
        rc = -errno;
    close(fd);
    return rc;
}

/* 0 if the name is that of the file, as it was made and left; -ENOENT if it is
 * gone; or -EBUSY. */
static int check_ours(int directory, const char *name,
                      const struct stat *made)
{
    int fd = openat(directory, name,
                    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    char user[256];
    struct stat st;
    bool ours;

    if (fd < 0)
        return errno == ENOENT || errno == ENFILE || errno == EMFILE ||
            errno == ENOMEM ? -errno : -EBUSY;
    ours = !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size == 0 &&
        st.st_dev == made->st_dev && st.st_ino == made->st_ino &&
        !users_find_writing(fd, user, sizeof(user));
    close(fd);
    return ours ? 0 : -EBUSY;
}

bool rename_flags_unknown(int errnum)
{
    return errnum == EINVAL || errnum == ENOSYS || errnum == EOPNOTSUPP;
}

/* Between a look and unlink() another file might come to the name, so the name
 * is changed first to one that nobody else knows.  Where a helper was killed,
 * two processes do this, and one of them finds nothing. */
int placeholder_remove(int directory, const char *name,
                       const struct stat *made)
{
    char aside[NAME_MAX + 1];
    int rc;

    rc = check_ours(directory, name, made);
    if (rc)
        return rc == -ENOENT ? 0 : rc;
    snprintf(aside, sizeof(aside), ".xl-dedup-gone-%ld-%llu", (long)getpid(),
             (unsigned long long)made->st_ino);
    if (renameat2(directory, name, directory, aside, RENAME_NOREPLACE)) {
        if (!rename_flags_unknown(errno))
            return errno == ENOENT ? 0 : -errno;
        return unlinkat(directory, name, 0) ? -errno : 0;
    }
    rc = check_ours(directory, aside, made);
    if (!rc)
        rc = unlinkat(directory, aside, 0) ? -errno : 0;
    if (rc && renameat2(directory, aside, directory, name, RENAME_NOREPLACE))
        return -errno;
    return rc;
}
