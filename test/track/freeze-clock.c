/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded: as long as the file FREEZE_CLOCK exists, the clock of a perf event
 * (perf_event_open(2): what is read is its count, and twice a time) stands
 * still, as that of one does which somebody has switched off.
 */
#include "config.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define READING 24

ssize_t read(int fd, void *data, size_t size)
{
    static ssize_t (*real)(int fd, void *data, size_t size);
    const char *path = getenv("FREEZE_CLOCK");
    uint64_t *reading = data;
    ssize_t n;

    if (!real)
        real = (__typeof__(real))dlsym(RTLD_NEXT, "read");
    n = real(fd, data, size);
    if (size == READING && n == READING && path && !access(path, F_OK))
        reading[1] = reading[2] = 1;
    return n;
}
