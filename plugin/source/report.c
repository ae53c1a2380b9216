/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a migration or push did; see report.h. */
#include "config.h"

#include <stdio.h>

#include "plugin/source/report.h"

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

static void say_rounds(const struct disk_report *d)
{
    fprintf(stderr, "%s: writes %s%s%s; sent again %.1f MB in %u rounds, of "
            "it %.1f MB after the suspension\n", d->name,
            d->traced ? "traced " : "not traced", d->traced ? d->traced : "",
            d->traced && d->compared ?
            ", but all of it compared once more after the suspension" : "",
            mb(d->resent), d->rounds, mb(d->last));
}

/* An admin who finds it long shall see what to look at. */
static void say_blackout(const struct blackout *b)
{
    fprintf(stderr, "guest blackout: %.2f seconds (memory %.2f, disks %.2f, "
            "placing %.2f, xl %.2f)\n", b->ended - b->began,
            b->memory - b->began, b->disks - b->memory, b->placed - b->disks,
            b->ended - b->placed);
}

void report_print(const struct disk_report *disks, unsigned n_disks,
                  const struct session_report *session)
{
    struct disk_report total = { .name = "total" };
    unsigned i;

    fprintf(stderr, "%-12s %12s %12s %7s %10s %10s %9s\n", "disk",
            "identical MB", "different MB", "saved %", "sent MB", "recv MB",
            "seconds");
    for (i = 0; i < n_disks; i++) {
        row(&disks[i]);
        total.identical += disks[i].identical;
        total.different += disks[i].different;
    }
    total.wire_out = session->wire_out;
    total.wire_in = session->wire_in;
    total.seconds = session->seconds;
    row(&total);
    if (session->blackout.began <= 0)
        return;
    for (i = 0; i < n_disks; i++)
        say_rounds(&disks[i]);
    say_blackout(&session->blackout);
}
