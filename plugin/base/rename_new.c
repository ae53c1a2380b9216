/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Renaming without replacing; see rename_new.h.  Source: renameat2(2). */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "plugin/base/rename_new.h"

static int by_link(int from, const char *name, int to, const char *new_name)
{
    if (linkat(from, name, to, new_name, 0))
        return -errno;
    return unlinkat(from, name, 0) ? -errno : 0;
}

int rename_new(int from, const char *name, int to, const char *new_name)
{
    int rc = 0;

    if (renameat2(from, name, to, new_name, RENAME_NOREPLACE))
        rc = errno == EINVAL || errno == ENOSYS ?
            by_link(from, name, to, new_name) : -errno;
    /* The new name first: of the two, a crash may leave both, but not none. */
    if (!rc && fsync(to))
        rc = -errno;
    if (!rc && from != to && fsync(from))
        rc = -errno;
    return rc;
}
