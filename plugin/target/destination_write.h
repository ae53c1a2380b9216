/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing to the destination.  Nothing is written while it is sealed, or once
 * somebody else is seen to use it (destination_lookout.h).
 *
 * For any thread.  Errors are logged; -ENOSPC is passed on, -EBUSY comes with a
 * reason.
 */
#ifndef PLUGIN_TARGET_DESTINATION_WRITE_H
#define PLUGIN_TARGET_DESTINATION_WRITE_H

#include "plugin/target/destination.h"

/* offset: in the disk; both in bytes. */
int destination_write(struct destination *d, const void *data, size_t length,
                      uint64_t offset);
/* The same, but whole blocks of zeros become holes of a file. */
int destination_fill(struct destination *d, const void *data, size_t length,
                     uint64_t offset);
/*
 * The same for content that can be had again: it may stay in memory, and go to
 * the storage with what belongs beside it, until destination_sync() or
 * destination_flush() brings it there.  Errors may be told later, and of other
 * content.
 */
int destination_coalesce(struct destination *d, const void *data, size_t length,
                         uint64_t offset);
/* Makes bytes read as zero: a hole in a file, and on a device that can have
 * some (a thin volume in whole blocks of its pool); else zeros. */
int destination_zero(struct destination *d, uint64_t offset, uint64_t length);

/* For destination_open(): prepares for destination_coalesce(). */
void destination_begin_coalescing(struct destination *d);

#endif
