/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this host's processors do; see processors.h. */
#include "config.h"

#include <stdio.h>
#include <unistd.h>

#include "plugin/base/processors.h"

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
