/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dry run, the source's part (docs/protocol.md, "Rehearsal"): the lists are
 * exchanged, what the target lacks is sampled and compressed instead of sent,
 * and what a session would take is estimated from that.
 *
 * The estimate holds for the disks as they are read now.  What a guest writes
 * later, and the memory beyond its size, are not in it.
 */
#ifndef PLUGIN_SOURCE_DRY_RUN_H
#define PLUGIN_SOURCE_DRY_RUN_H

#include <stdint.h>

struct session;
struct source_disk;

struct rehearsal_options {
    int level;                  /* as in wire_options */
    uint64_t rate;              /* bytes a second, given; 0: measure it */
    uint64_t memory;            /* bytes of the guest's; 0: there is none */
};

/* After the lists, which took so many seconds: measures, and prints. */
int rehearse_report(const struct session *s, struct source_disk **disks,
                    unsigned n_disks, const struct rehearsal_options *opt,
                    double seconds);

#endif
