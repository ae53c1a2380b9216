/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libxl runs the hotplug script of a disk by execvp(), in a child.  While an
 * incoming guest is being restored, it stands still until that script has
 * ended; so xl-dedup-attach is run in its place, which runs the script itself
 * if the case is not a plain one.
 *
 * Promise: outside hotplug_begin() and hotplug_end(), and for every other
 * program, execvp() does what libc's does.
 */
#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libxlhooks/hotplug.h"

static const char *attach;      /* the program, or NULL */

void hotplug_begin(void)
{
    const char *path = getenv("XL_DEDUP_ATTACH");

    attach = path && *path ? path : PKGLIBEXECDIR "/xl-dedup-attach";
}

void hotplug_end(void)
{
    attach = NULL;
}

/* As libxl calls the script for a disk that blkback serves. */
static bool attaches_disk(const char *file, char *const argv[])
{
    const char *type = getenv("XENBUS_TYPE"), *slash = strrchr(file, '/');

    return slash && !strcmp(slash, "/block") && type && !strcmp(type, "vbd") &&
        argv[0] && argv[1] && !strcmp(argv[1], "add") && !argv[2];
}

int execvp(const char *file, char *const argv[])
{
    if (attach && attaches_disk(file, argv))
        execl(attach, "xl-dedup-attach", file, argv[1], (char *)NULL);
    return execvpe(file, argv, environ);
}
