/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processors of this host; see processors.h. */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "plugin/base/processors.h"

unsigned processors_count(void)
{
    cpu_set_t cpus;
    long online;

    if (!sched_getaffinity(0, sizeof(cpus), &cpus))
        return CPU_COUNT(&cpus);
    online = sysconf(_SC_NPROCESSORS_ONLN);     /* too many for the set */
    return online > 0 ? online : 1;
}

/* Opened once, for a process that gives up the right to open files. */
static int stat_fd = -1;

static void open_stat(void)
{
    stat_fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
}

void processors_prepare(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, open_stat);
}

double processors_idle(void)
{
    unsigned long long idle, iowait;
    char line[256];                 /* the first one, and more */
    ssize_t n;

    processors_prepare();
    n = stat_fd < 0 ? -1 : pread(stat_fd, line, sizeof(line) - 1, 0);
    if (n <= 0)
        return -1;
    line[n] = '\0';
    return sscanf(line, "cpu %*u %*u %*u %llu %llu", &idle, &iowait) == 2 ?
        (double)(idle + iowait) / sysconf(_SC_CLK_TCK) : -1;
}
