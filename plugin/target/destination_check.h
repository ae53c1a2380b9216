/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a disk may go to its destination (design rules 7 and 8).  What could
 * only fail at the end is tried here already.
 */
#ifndef PLUGIN_TARGET_DESTINATION_CHECK_H
#define PLUGIN_TARGET_DESTINATION_CHECK_H

#include "plugin/target/destination.h"

/* Whether the disk may go there, the directory of which was entered
 * (destination_enter.h).  If not, returns a negative errno and why
 * (size bytes) says the cause and the way out in one line, without the name
 * of the disk or the host.  Nothing is changed there; the members of *d that
 * say so are set. */
int destination_check(struct destination *d, char *why, size_t size);

#endif
