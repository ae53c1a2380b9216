/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dry run of one disk, the source's part (docs/protocol.md, "Dry run"):
 * the lists are exchanged as in a session, and what the target lacks is
 * sampled (output.h) instead of sent.  estimate.h makes figures of that.
 */
#ifndef PLUGIN_SOURCE_DRY_RUN_H
#define PLUGIN_SOURCE_DRY_RUN_H

#include "plugin/source/disk.h"
#include "plugin/source/session.h"

/* The bulk copy and the pass of a dry run, after output_begin().  0 or a
 * negative errno, as bulk_run(). */
int dry_run_disk(const struct session *s, struct source_disk *d);

#endif
