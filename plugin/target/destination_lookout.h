/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether what was checked is still there, unchanged and not in use.
 *
 * Where a function has why (size bytes), this says the cause in one line, as
 * that of destination_check() does.
 */
#ifndef PLUGIN_TARGET_DESTINATION_LOOKOUT_H
#define PLUGIN_TARGET_DESTINATION_LOOKOUT_H

#include "plugin/target/destination.h"

/* Between two looks at who uses a device that is written to. */
#define LOOK_SECONDS 10

/* For destination_open(): nobody uses the device, which is open, and nobody has
 * written to it since it was checked. */
int destination_lookout_begin(struct destination *d, char *why, size_t size);
/* Before a write, by any thread: whether that still is so; looks from time to
 * time.  Once it is not, every later call fails; the reason is kept. */
int destination_lookout(struct destination *d);
void destination_lookout_end(struct destination *d);

/* Before something depends on it: whether what was found still is at path, and
 * nobody uses it.  -EBUSY: it is not. */
int destination_look_again(const struct destination *d, char *why,
                           size_t size);
/* Explains that something has come to the path, where nothing was.  -EBUSY. */
int destination_explain_came(const struct destination *d, char *why,
                             size_t size);
/* Whether a file is what was found, unchanged; renamed: but for its name, which
 * changes one of its times. */
bool destination_is_found(const struct destination *d, const struct stat *st,
                          bool renamed);
/* Opens a file of the directory for reading, if it is that; the same for the
 * one at path.  A descriptor, or -EBUSY: it is not. */
int destination_open_name(const struct destination *d, const char *name,
                          bool renamed);
int destination_open_found(const struct destination *d);
/* -EBUSY if somebody uses a file or device, other than by reading it. */
int destination_find_user(const struct destination *d, int fd, char *why,
                          size_t size);
/* Keeps why as the reason, unless there is one; returns rc. */
int destination_give_up(struct destination *d, int rc, const char *why);

#endif
