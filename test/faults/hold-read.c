/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into the source: storage that is slow.
 *
 * xl-dedup's reads of the file HOLD_FILE (as /proc names it) that go beyond
 * HOLD_FROM bytes wait until the file HOLD_UNTIL exists.
 */
#define _GNU_SOURCE     /* config.h is left out: off_t stays what it is */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_held(int fd, off64_t end)
{
    const char *file = getenv("HOLD_FILE"), *from = getenv("HOLD_FROM");
    char link[64], path[4096];
    ssize_t n;

    if (!file || !from || end <= strtoll(from, NULL, 10) ||
        strcmp(program_invocation_short_name, "xl-dedup"))
        return false;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);
    path[n < 0 ? 0 : n] = '\0';
    return !strcmp(path, file);
}

static void hold(int fd, off64_t end)
{
    const char *until = getenv("HOLD_UNTIL");

    if (is_held(fd, end))
        while (until && access(until, F_OK))
            usleep(10000);
}

ssize_t pread(int fd, void *data, size_t n, off_t offset)
{
    ssize_t (*real)(int, void *, size_t, off_t);

    hold(fd, offset + n);
    *(void **)&real = dlsym(RTLD_NEXT, "pread");
    return real(fd, data, n, offset);
}

ssize_t pread64(int fd, void *data, size_t n, off64_t offset)
{
    ssize_t (*real)(int, void *, size_t, off64_t);

    hold(fd, offset + n);
    *(void **)&real = dlsym(RTLD_NEXT, "pread64");
    return real(fd, data, n, offset);
}
