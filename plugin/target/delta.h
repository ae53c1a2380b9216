/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Blocks that were written at the source, the target's part (docs/protocol.md,
 * "DELTA"): they are written at once, and read back when all of a round is on
 * the storage.  Only segments that are verified are changed so, and a DELTA
 * that was not read back as it was sent makes the target ask for its segments.
 *
 * Engine thread only.
 */
#ifndef PLUGIN_TARGET_DELTA_H
#define PLUGIN_TARGET_DELTA_H

#include <stdbool.h>

#include "plugin/target/disk.h"

/* Takes a DELTA.  -EPROTO if the source breaks the protocol, also by its size;
 * -EBADMSG: not what was sent has arrived, and nothing of it is written. */
int delta_take(struct target_disk *d, const struct frame *f);
/* Reads back the DELTAs since the last call, after destination_sync(). */
int delta_verify(struct target_disk *d);
/* Whether there are DELTAs that were not read back. */
bool delta_is_pending(const struct target_disk *d);
void delta_release(struct target_disk *d);

#endif
