/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source offers its disks, and the target checks and accepts them
 * (docs/protocol.md, "Course of a session").  Nothing is made ready before all
 * of them have been found good, and what is wrong with one has been told to the
 * source when a function fails.
 *
 * Engine thread only.  Each takes a frame of its kind: -EPROTO if the source
 * breaks the protocol.
 */
#ifndef PLUGIN_TARGET_OFFER_H
#define PLUGIN_TARGET_OFFER_H

#include "plugin/target/session.h"

int offer_take_hello(struct receiver *r, const struct frame *f);
int offer_take_disk(struct receiver *r, const struct frame *f);
int offer_take_disks_end(struct receiver *r);
/* PROBED: whether the source sees a file that was made here.  If it does not,
 * the disk is checked. */
int offer_take_probed(struct receiver *r, struct target_disk *d,
                      const struct frame *f);

#endif
