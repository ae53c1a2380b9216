/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What became of the guest's memory; see memory_report.h. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "plugin/memory/memory_report.h"

void memory_report_print(const struct memory_counts *c, uint64_t sent)
{
    double saved = c->bytes > sent ? c->bytes - sent : 0;

    fprintf(stderr, "%-8s %9s %9s %9s %9s %9s %9s %9s %9s %7s\n", "memory",
            "pages", "zero", "on disk", "repeated", "changed", "literal",
            "MB", "sent MB", "saved %");
    fprintf(stderr, "%-8s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64
            " %9" PRIu64 " %9" PRIu64 " %9.2f %9.2f %7.1f\n", "",
            c->pages, c->zero, c->on_disk, c->repeated + c->filled,
            c->difference, c->literal, c->bytes / 1e6, sent / 1e6,
            c->bytes ? 100.0 * saved / c->bytes : 0.0);
}
