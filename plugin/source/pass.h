/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Check passes, the source's part (docs/protocol.md, "Passes").
 *
 * What a pass establishes rests on two readings only: the source's segments
 * as read in this pass, or before it and not written to since (prehash.h), and
 * what the target reads from its storage.
 */
#ifndef PLUGIN_SOURCE_PASS_H
#define PLUGIN_SOURCE_PASS_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/source/disk.h"
#include "plugin/source/session.h"

struct pass_result {
    uint64_t left;              /* segments that the target has not verified */
    bool cut_short;             /* not all segments were read, because the
                                   session is in a hurry; only set by a full
                                   pass */
};

/* Tells the target all segments' digests before the manifest, so that it
 * knows what of its earlier content is right.  0 or a negative errno. */
int pass_compare(const struct session *s, struct source_disk *d);

/*
 * One pass over a disk.  full: all segments are read, and those that are not
 * what was last sent are announced; otherwise the target only checks what was
 * sent before.  What it says differs is sent at once, and counted in d; but
 * while the disk is in doubt (doubt.h) it is only noted there.  0; -EPROTO
 * (logged): the target's answers make no sense; or an error of reading or of
 * the wire.
 */
int pass_run(const struct session *s, struct source_disk *d, bool full,
             struct pass_result *r);

#endif
