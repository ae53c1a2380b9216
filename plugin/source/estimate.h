/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a session would take, estimated from a dry run (dry_run.h): the samples
 * of what the target lacks are compressed, and the speed of the line is
 * measured or given.
 *
 * The estimate holds for the disks as they were read.  What a guest writes
 * later is not in it, and of its memory only the size is known.
 */
#ifndef PLUGIN_SOURCE_ESTIMATE_H
#define PLUGIN_SOURCE_ESTIMATE_H

#include <stdint.h>

#include "plugin/source/session.h"

struct estimate_options {
    int level;                  /* as in wire_options */
    uint64_t rate;              /* bytes a second, given; 0: measure it */
    uint64_t memory;            /* bytes of the guest's; 0: there is none */
};

/* After dry_run_disk() of all disks of the session, which took `seconds`:
 * measures, and prints a table of the disks and the time on stdout.  0 or a
 * negative errno, logged unless the wire's end is the reason. */
int estimate_print(const struct session *s, const struct estimate_options *opt,
                   double seconds);

#endif
