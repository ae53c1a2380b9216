/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a device of the target is the source's own storage under another
 * name, the target's part (docs/protocol.md, "One storage under two names").
 * Until the source has said that it is another one, the device is sealed:
 * nothing is written to it.
 *
 * Engine thread only.
 */
#ifndef PLUGIN_TARGET_WITNESS_H
#define PLUGIN_TARGET_WITNESS_H

#include <stdbool.h>

#include "plugin/target/disk.h"

/* Seals the destination if it is a device. */
void witness_seal(struct target_disk *d);
/* Whether SEGMENTS may come before the manifest; a comparison begins then. */
bool witness_may_compare(struct target_disk *d);
/* Tells the source which segments differed in the comparison. */
int witness_tell_unlike(struct target_disk *d);
/* Takes a WITNESS and answers it. */
int witness_take(struct target_disk *d, const struct frame *f);
/* Takes APART: the storage is another one, and is unsealed.  What is foreign on
 * it, but for segments that were found equal, is overwritten with zeros. */
int witness_take_apart(struct target_disk *d, const struct frame *f);

#endif
