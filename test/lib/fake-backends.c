/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Preloaded: xen-blkback's entries in sysfs are those of the directory
 * FAKE_BACKENDS. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKENDS "/sys/bus/xen-backend/devices"

static const char *instead(const char *path, char text[4096])
{
    const char *directory = getenv("FAKE_BACKENDS");
    size_t n = strlen(BACKENDS);

    if (!directory || strncmp(path, BACKENDS, n))
        return path;
    snprintf(text, 4096, "%s%s", directory, path + n);
    return text;
}

DIR *opendir(const char *path)
{
    DIR *(*real)(const char *) = dlsym(RTLD_NEXT, "opendir");
    char text[4096];

    return real(instead(path, text));
}

FILE *fopen(const char *path, const char *mode)
{
    FILE *(*real)(const char *, const char *) = dlsym(RTLD_NEXT, "fopen");
    char text[4096];

    return real(instead(path, text), mode);
}

FILE *fopen64(const char *path, const char *mode)
{
    return fopen(path, mode);
}
