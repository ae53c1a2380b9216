/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into the target's helper: storage that fails.
 *
 * FAULT_IO=FUNCTION:N:ERROR makes the N-th call, and all later ones, of
 * pwrite, fdatasync or fsync on a staging file, or of fsync on the directory
 * FAULT_DIRECTORY ("dirsync"), fail with ENOSPC or EIO; or, if ERROR is HANG,
 * wait until the file FAULT_UNTIL exists.  If FAULT_IO_AFTER is set, calls count
 * only once that file exists.  The first failure is noted in FAULT_LOG.
 */
#define _GNU_SOURCE     /* config.h is left out: off_t stays what it is */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX ".xl-dedup"

/* Whether the call's file is what the function is to fail on. */
static bool is_meant(const char *function, int fd)
{
    const char *directory = getenv("FAULT_DIRECTORY");
    char link[64], path[4096];
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);
    path[n < 0 ? 0 : n] = '\0';
    if (!strcmp(function, "dirsync"))
        return directory && !strcmp(path, directory);
    return n > (ssize_t)strlen(SUFFIX) &&
        !strcmp(path + n - strlen(SUFFIX), SUFFIX);
}

static void note(const char *spec)
{
    const char *path = getenv("FAULT_LOG");
    FILE *f = path ? fopen(path, "a") : NULL;

    if (!f)
        return;
    fprintf(f, "io=%s\n", spec);
    fclose(f);
}

/* Whether this call is to fail; errno is set then. */
static bool fails(const char *function, int fd)
{
    static atomic_uint calls;
    const char *spec = getenv("FAULT_IO"), *after = getenv("FAULT_IO_AFTER");
    size_t length = strlen(function);
    unsigned n, call;
    char *end;

    if (!spec || strncmp(spec, function, length) || spec[length] != ':' ||
        (after && access(after, F_OK)) || !is_meant(function, fd))
        return false;
    n = strtoul(spec + length + 1, &end, 10);
    call = atomic_fetch_add(&calls, 1) + 1;
    if (call < n)
        return false;
    if (call == n)
        note(spec);
    if (!strcmp(end, ":HANG")) {
        while (getenv("FAULT_UNTIL") && access(getenv("FAULT_UNTIL"), F_OK))
            usleep(10000);
        return false;
    }
    errno = !strcmp(end, ":ENOSPC") ? ENOSPC : EIO;
    return true;
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t offset)
{
    ssize_t (*real)(int, const void *, size_t, off_t);

    if (fails("pwrite", fd))
        return -1;
    *(void **)&real = dlsym(RTLD_NEXT, "pwrite");
    return real(fd, data, n, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t offset)
{
    ssize_t (*real)(int, const void *, size_t, off64_t);

    if (fails("pwrite", fd))
        return -1;
    *(void **)&real = dlsym(RTLD_NEXT, "pwrite64");
    return real(fd, data, n, offset);
}

int fdatasync(int fd)
{
    int (*real)(int);

    if (fails("fdatasync", fd))
        return -1;
    *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
    return real(fd);
}

int fsync(int fd)
{
    int (*real)(int);

    if (fails("fsync", fd) || fails("dirsync", fd))
        return -1;
    *(void **)&real = dlsym(RTLD_NEXT, "fsync");
    return real(fd);
}
