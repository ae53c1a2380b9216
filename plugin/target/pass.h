/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Check passes, the target's part (docs/protocol.md, "Passes"): compares what
 * the storage gives with the digests that the source announces, and writes
 * what differs.  Nothing that the source says is taken for verified before it
 * was read back from the storage.
 *
 * Engine thread only.  The functions that take a frame return -EPROTO if the
 * source breaks the protocol, and the errors of the destination and the wire.
 */
#ifndef PLUGIN_TARGET_PASS_H
#define PLUGIN_TARGET_PASS_H

#include "plugin/target/disk.h"

/* Each takes a frame of its kind: SEGMENTS, SEGMENT, PATCH.  The caller has
 * checked that it may come now. */
int pass_take_segments(struct target_disk *d, const struct frame *f);
int pass_take_segment(struct target_disk *d, const struct frame *f);
int pass_take_patch(struct target_disk *d, const struct frame *f);
/* Takes PASS_END: brings everything to the storage, compares what waited for
 * that, and says how many segments are left to be sent. */
int pass_take_end(struct target_disk *d);
/* The same for a dry run, which only describes what a pass would ask for. */
int pass_take_end_dry(struct target_disk *d);

/* The digest of the digests of all segments, as they lie on the storage; those
 * that DELTAs have changed are read for it. */
int pass_read_root(struct target_disk *d, uint8_t root[HASH_BYTES]);

#endif
