/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of a path; see paths.h. */
#include "config.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/paths.h"

/* dirname() writes into what it is given, and may return a constant. */
char *path_dirname(const char *path)
{
    char *copy = strdup(path), *result;

    if (!copy)
        return NULL;
    result = strdup(dirname(copy));
    free(copy);
    return result;
}

const char *path_basename(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

bool path_is_plain(const char *path)
{
    size_t n;

    if (path[0] != '/')
        return false;
    for (; *path; path += n) {
        path += strspn(path, "/");
        n = strcspn(path, "/");
        if ((n == 1 || n == 2) && !strncmp(path, "..", n))
            return false;
    }
    return true;
}
