/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The storage at a destination: opening it, bringing there what was written,
 * reading it back, and closing it.
 */
#ifndef PLUGIN_TARGET_DESTINATION_STORAGE_H
#define PLUGIN_TARGET_DESTINATION_STORAGE_H

#include "plugin/target/destination.h"

/*
 * For the test whether both hosts share the storage: creates an empty file of
 * a random name beside a regular file's path.  *name_r: its last component,
 * or NULL for a block device; for destination_unprobe(), which removes it.
 */
int destination_probe(const struct destination *d, char **name_r);
void destination_unprobe(const struct destination *d, char *name);

/*
 * Opens for writing, the same kind of answer as destination_check().  The
 * staging file is made, and only by us; one that is there is gone on with if it
 * is a regular file of our user, with mode 0600, no second name and on the
 * directory's own file system.  Anything else is refused and stays as it is.
 */
int destination_open(struct destination *d, char *why, size_t size);

/* A device has nothing foreign any more: brings that to the storage, and notes
 * it for the next try. */
int destination_own(struct destination *d);

/* Instead of destination_open(): opens what is there for reading only, if
 * anything is; nothing is made or changed. */
int destination_look(struct destination *d, char *why, size_t size);

/* Brings everything to the storage.  Nothing is coalesced from then on, and by
 * nobody meanwhile. */
int destination_sync(struct destination *d);
/* Brings the content of a range there, which is not durable before
 * destination_sync().  An error is told once, here or there, and is of the
 * whole disk.  -EOPNOTSUPP: that cannot be done here. */
int destination_flush(struct destination *d, uint64_t offset, uint64_t length);
/* Has the system begin with that for all that was written so far, and does not
 * wait.  Only a hint: errors are told by the two above. */
void destination_begin_flush(struct destination *d);
/* Reads what was written and not only coalesced, from the cache if it is
 * there. */
int destination_read(const struct destination *d, void *data, size_t length,
                     uint64_t offset);
/* Drops cached pages, so that reading them back tells what the storage holds;
 * after one of these. */
void destination_drop(struct destination *d, uint64_t offset,
                      uint64_t length);

/* Any thread: there is something in it that must not stay there, and cannot be
 * zeroed.  The next try does not go on with it. */
void destination_spoil(struct destination *d);

/* Closes.  Unless it was placed, the staging file stays for the next try and
 * a placeholder is removed, if it still is one. */
void destination_release(struct destination *d);

/* For a process that leaves that to another one, which has a copy of all this
 * and may open what it needs: brings there what was coalesced, before the other
 * one releases it; closes its own, and nothing more. */
void destination_settle(struct destination *d);
void destination_leave(struct destination *d);
/* The same while it still is to be written to: names cannot be reached by it
 * any more. */
void destination_leave_names(struct destination *d);

#endif
