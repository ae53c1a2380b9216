/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk that was received comes into the host's index, as its source described
 * it, without being read again.
 *
 * Nothing here fails: a disk that cannot be entered is read by the next
 * "xl-dedup index".
 */
#ifndef PLUGIN_TARGET_INDEX_DISK_H
#define PLUGIN_TARGET_INDEX_DISK_H

#include "plugin/target/disk.h"

/* When all objects are known: begins with what takes long, in the background.
 * Needs the references, whose index it uses. */
void index_disk_begin(struct target_disk *d);
/* When the disk is in place, the references are still there, and nobody changes
 * the index for us any more: completes that. */
void index_disk_end(struct target_disk *d);
/* Gives up what was begun and not completed; before the references go. */
void index_disk_stop(struct target_disk *d);

#endif
