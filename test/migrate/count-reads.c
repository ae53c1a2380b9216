/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into the source: counts the bytes that a process reads of the file
 * COUNT_FILE (as /proc names it), and appends their number to COUNT_LOG when it
 * ends.
 */
#define _GNU_SOURCE     /* config.h is left out: off_t stays what it is */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_ullong bytes;

static void count(int fd, ssize_t n)
{
    const char *file = getenv("COUNT_FILE");
    char link[64], path[4096];
    ssize_t length;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof(path) - 1);
    path[length < 0 ? 0 : length] = '\0';
    if (n > 0 && file && !strcmp(path, file))
        atomic_fetch_add(&bytes, n);
}

ssize_t pread(int fd, void *data, size_t n, off_t offset)
{
    ssize_t (*real)(int, void *, size_t, off_t), rc;

    *(void **)&real = dlsym(RTLD_NEXT, "pread");
    rc = real(fd, data, n, offset);
    count(fd, rc);
    return rc;
}

ssize_t pread64(int fd, void *data, size_t n, off64_t offset)
{
    ssize_t (*real)(int, void *, size_t, off64_t), rc;

    *(void **)&real = dlsym(RTLD_NEXT, "pread64");
    rc = real(fd, data, n, offset);
    count(fd, rc);
    return rc;
}

static __attribute__((destructor)) void tell(void)
{
    const char *log = getenv("COUNT_LOG");
    FILE *f = log && bytes ? fopen(log, "a") : NULL;

    if (!f)
        return;
    fprintf(f, "%llu\n", (unsigned long long)bytes);
    fclose(f);
}
