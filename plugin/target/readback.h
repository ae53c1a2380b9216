/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads back what the bulk copy wrote while the rest of it still arrives, so
 * that the first check pass finds most of the disk hashed.
 *
 * A segment is read back when no object that is still to come lies in it.
 * That is a guess which saves time; what makes a digest good is
 * target_disk.touched (place.h): it is taken back before the segment is flushed
 * and read, and set before and after everything that is written.  So a segment
 * that is touched when all writing has ended is not known, and any other one
 * was read from the storage after its last write had ended.
 *
 * Only for a destination that was empty: otherwise the digests of what it
 * held are in use.
 */
#ifndef PLUGIN_TARGET_READBACK_H
#define PLUGIN_TARGET_READBACK_H

#include "plugin/target/objects.h"

/* Counts the objects of a batch as to come; engine thread, before threads
 * work on them.  -ENOMEM. */
int readback_expect(struct target_disk *d, const struct batch *b);

/* An object is in its place, as far as it was written at all.  May be called
 * by any thread, any number of times. */
void readback_settle(const struct batch *b, struct wire_object *o);

/* All objects have been listed: begins, in threads of low priority.  Without
 * them everything is read in the check pass. */
void readback_begin(struct target_disk *d);

/* Ends the threads.  Negative errno (logged): something could not be brought to
 * the storage or read from there, and later calls would not be told. */
int readback_end(struct target_disk *d);

void readback_free(struct target_disk *d);

#endif
