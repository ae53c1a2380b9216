/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a destination's path means; see destination_path.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/target/destination_path.h"

char *destination_staging_path(const char *path,
                               const uint8_t name[PROTO_SECRET_NAME])
{
    char *directory = path_dirname(path), *result = NULL;
    char suffix[1 + 2 * PROTO_SECRET_NAME + 1] = "-";

    if (name)
        sodium_bin2hex(suffix + 1, sizeof(suffix) - 1, name,
                       PROTO_SECRET_NAME);
    if (directory && asprintf(&result, "%s/.%s.xl-dedup%s", directory,
                              path_basename(path), name ? suffix : "") < 0)
        result = NULL;
    free(directory);
    return result;
}

bool destination_is_device_name(const char *path)
{
    return !strncmp(path, "/dev/", 5) && strncmp(path, "/dev/shm/", 9);
}

int destination_explain_no_device(const char *path, uint64_t bytes, char *why,
                                  size_t size)
{
    return explain(why, size, -ENOENT, "%s does not exist there; create it "
                   "with %" PRIu64 " bytes (for LVM: lvcreate -L %" PRIu64
                   "b)", path, bytes, bytes);
}

static int explain_dangling(const char *path, char *why, size_t size)
{
    char target[4096];
    ssize_t n = readlink(path, target, sizeof(target) - 1);

    target[n > 0 ? n : 0] = '\0';
    return explain(why, size, -ENOENT, "%s is a symbolic link there to %s, "
                   "which does not exist; make an empty file of that, or "
                   "remove the link", path, target);
}

int destination_resolve(const char *path, char **resolved_r, char *why,
                        size_t size)
{
    struct stat link, st;
    bool dangling = false;

    *resolved_r = NULL;
    /* What else is wrong with the path the check will say. */
    if (path[0] != '/' || lstat(path, &link) || !S_ISLNK(link.st_mode))
        *resolved_r = strdup(path);
    else if (stat(path, &st))
        dangling = errno == ENOENT;
    else if (S_ISREG(st.st_mode))
        *resolved_r = realpath(path, NULL);
    if (dangling)
        return explain_dangling(path, why, size);
    if (!*resolved_r)
        *resolved_r = strdup(path);
    return *resolved_r ? 0 : -ENOMEM;
}
