/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device becomes what is being overwritten.  That is noted only when the
 * first byte is about to be written: a try that ends before leaves the device
 * what it was to its owner, with the record of an earlier copy, and with what
 * "xl-dedup allow" has said of it.
 */
#ifndef PLUGIN_TARGET_DESTINATION_BEGIN_H
#define PLUGIN_TARGET_DESTINATION_BEGIN_H

#include "plugin/target/destination.h"

/* Writes the record that the device is nobody's good copy any more, and starts
 * the guard that keeps it true if this process is killed.  Once, after
 * destination_open() and before the first write; nothing for a file.  0, or a
 * negative errno: the reason is kept, and nothing may be written. */
int destination_begin(struct destination *d);

#endif
