/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a migration or push did; see report.h. */
#include "config.h"

#include <stdio.h>
#include <time.h>

#include "plugin/report.h"

double report_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static double mb(uint64_t bytes)
{
    return bytes / 1e6;
}

static void row(const struct disk_report *d)
{
    uint64_t all = d->identical + d->different;

    fprintf(stderr, "%-12s %12.1f %12.1f %7.1f %10.2f %10.2f %9.1f\n",
            d->name, mb(d->identical), mb(d->different),
            all ? 100.0 * d->identical / all : 0.0,
            mb(d->wire_out), mb(d->wire_in), d->seconds);
}

void report_print(const struct disk_report *disks, unsigned n_disks,
                  const struct session_report *session)
{
    struct disk_report total = { .name = "total" };
    uint64_t resent = 0;
    unsigned i;

    fprintf(stderr, "%-12s %12s %12s %7s %10s %10s %9s\n", "disk",
            "identical MB", "different MB", "saved %", "sent MB", "recv MB",
            "seconds");
    for (i = 0; i < n_disks; i++) {
        row(&disks[i]);
        total.identical += disks[i].identical;
        total.different += disks[i].different;
        resent += disks[i].resent;
    }
    total.wire_out = session->wire_out;
    total.wire_in = session->wire_in;
    total.seconds = session->seconds;
    row(&total);
    if (resent)
        fprintf(stderr, "rewritten while it ran: %.1f MB sent again\n",
                mb(resent));
    if (session->blackout >= 0)
        fprintf(stderr, "guest blackout: %.2f seconds\n", session->blackout);
}
