/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A complete disk is put in its place, and an empty file stands for it before.
 *
 * What is at the path and was not checked is never lost: a file is put in place
 * by exchanging two names, and what comes off must be what was checked.
 */
#ifndef PLUGIN_TARGET_DESTINATION_PLACE_H
#define PLUGIN_TARGET_DESTINATION_PLACE_H

#include "plugin/target/destination.h"

/* Before the guest is suspended: whether at the path is still what was checked.
 * Makes the path exist, as an empty file if need be, for a libxl that looks
 * for it before the disk is final.  -EBUSY with a reason. */
int destination_placeholder(struct destination *d);

/*
 * The disk is complete: makes it durable, puts it in place, records it, with
 * the digest of a device.  It is open for reading only from then on.  If that
 * fails, what was at the path is there again, and the staging file stays for
 * the next try; if even that cannot be done, the disk stays in place, recorded.
 * -EPIPE: it was not wanted any more, and nothing is replaced.
 */
int destination_place(struct destination *d, const uint8_t root[HASH_BYTES]);
/* The same in two steps, the second of which may be another process's; this one
 * notes then that the disk is open for reading only. */
int destination_make_durable(struct destination *d);
int destination_place_durable(struct destination *d,
                              const uint8_t root[HASH_BYTES]);
void destination_was_placed(struct destination *d);

#endif
