/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bulk copy, the target's part: from the manifest to a disk that is nearly
 * right, at little cost (docs/protocol.md, "Course of a session").
 *
 * Nothing here makes the disk right: that is what the passes are for (pass.h).
 *
 * Engine thread only; the threads of the pool do the work.  Each function that
 * takes a frame returns -EPROTO if the source breaks the protocol.
 */
#ifndef PLUGIN_TARGET_BULK_H
#define PLUGIN_TARGET_BULK_H

#include "plugin/target/disk.h"

/* COMPARED: the comparison before the manifest has ended. */
int bulk_take_compared(struct target_disk *d);
int bulk_take_manifest(struct target_disk *d, const struct frame *f);
int bulk_take_manifest_end(struct target_disk *d, const struct frame *f);
/* DATA: content of objects that were asked for. */
int bulk_take_data(struct target_disk *d, const struct frame *f);
/* DATA_END: zeros what no object covers, brings everything to the storage and
 * answers with BULK_DONE.  An error of a thread is returned here at the
 * latest. */
int bulk_take_data_end(struct target_disk *d);

/* No thread may work on the disk any more. */
void bulk_release(struct target_disk *d);

#endif
