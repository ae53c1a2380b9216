/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into the source's helper: a file system that takes all of the file
 * STALE_HOLES for a hole until somebody calls fdatasync(), as FUSE and OpenZFS
 * have done with what was not on the storage yet.  It is one that nobody
 * knows.
 */
#define _GNU_SOURCE     /* config.h is left out: off_t stays what it is */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

static atomic_bool synced;

static bool is_it(int fd)
{
    const char *name = getenv("STALE_HOLES");
    char link[64], path[4096];
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    return name && !strcmp(path, name);
}

int fstatfs(int fd, struct statfs *fs)
{
    int (*real)(int, struct statfs *) = dlsym(RTLD_NEXT, "fstatfs");
    int r = real(fd, fs);

    if (!r && is_it(fd))
        fs->f_type = 0x65735546;    /* FUSE */
    return r;
}

int fstatfs64(int fd, struct statfs64 *fs)
{
    return fstatfs(fd, (struct statfs *)fs);
}

off_t lseek(int fd, off_t offset, int whence)
{
    off_t (*real)(int, off_t, int) = dlsym(RTLD_NEXT, "lseek");

    if (synced || (whence != SEEK_DATA && whence != SEEK_HOLE) || !is_it(fd))
        return real(fd, offset, whence);
    if (whence == SEEK_HOLE)
        return offset;
    errno = ENXIO;
    return -1;
}

off64_t lseek64(int fd, off64_t offset, int whence)
{
    return lseek(fd, offset, whence);
}

int fdatasync(int fd)
{
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");

    if (is_it(fd))
        synced = true;
    return real(fd);
}
