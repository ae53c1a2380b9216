/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bulk copy, the source's part (docs/protocol.md, "Course of a session"):
 * while the disk is read and its objects are listed (scan.h), the target is
 * sent what it asks for of them: whole objects, or recipes (recipe.h) where it
 * says what it holds instead, a file or some blocks (blocklist.h).
 *
 * A guest may write meanwhile.  An object is read again when it is sent, so
 * what arrives may be newer than its digest; the check passes that follow make
 * it right.  Nothing that the target says is trusted: a request for what was
 * not listed, or for the same object a third time, ends the session.
 */
#ifndef PLUGIN_SOURCE_BULK_H
#define PLUGIN_SOURCE_BULK_H

#include "plugin/source/disk.h"
#include "plugin/source/session.h"

/* Compares, if the target has something to begin with, reads and lists the
 * disk, and serves the target until it has what it wants.  Fills in what
 * d->report tells of identical and different content.  0 or a negative errno,
 * logged unless the wire's end is the reason. */
int bulk_run(const struct session *s, struct source_disk *d);

#endif
