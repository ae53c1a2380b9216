/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processors of this host; see processors.h. */
#include "config.h"

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

double processors_idle(void)
{
    FILE *f = fopen("/proc/stat", "re");
    unsigned long long idle, iowait;
    int n;

    if (!f)
        return -1;
    n = fscanf(f, "cpu %*u %*u %*u %llu %llu", &idle, &iowait);
    fclose(f);
    return n == 2 ? (double)(idle + iowait) / sysconf(_SC_CLK_TCK) : -1;
}
