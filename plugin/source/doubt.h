/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The doubt whether the target's device is the source's own storage under
 * another name, and the questions that end it (docs/protocol.md, "One storage
 * under two names").  witness.h says when they are asked.
 *
 * Names of storage can be compared only where somebody knows them.  Content
 * needs no names: what the guest writes shows at the target, too, if it is one
 * storage, although it was never sent; and if it is another one, there is a
 * place where they differ although nobody has made them differ meanwhile.
 *
 * The target is asked, then a segment is read here, then the target is asked
 * again.  If it had the same content before and after, and not what was read
 * in between, these are two storages.  If what it has changed meanwhile, or is
 * what it cannot have got from us, they are one, or something else writes to
 * the target's device.
 *
 * A disk has a doubt if the target's device may be its storage; all functions
 * but doubt_begin() and doubt_settle() may be called without one, and none is
 * open then.  For the thread that serves the disk.
 */
#ifndef PLUGIN_SOURCE_DOUBT_H
#define PLUGIN_SOURCE_DOUBT_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/source/disk.h"
#include "plugin/source/session.h"

/* Opens a doubt, for doubt_free().  there: path of the device at the target,
 * which is copied.  0 or -ENOMEM. */
int doubt_begin(struct source_disk *d, const char *there);
void doubt_free(struct doubt *doubt);

/* Whether there is a doubt that has not been settled. */
bool doubt_is_open(const struct source_disk *d);
/* The path of the device at the target, or NULL: there was no doubt. */
const char *doubt_there(const struct source_disk *d);

/* Notes a segment whose content may tell, as long as there is room for it. */
void doubt_note(struct source_disk *d, uint64_t number);
/* Whether one is noted, and whether there is no room for more. */
bool doubt_has_notes(const struct source_disk *d);
bool doubt_is_full(const struct source_disk *d);
void doubt_drop_notes(struct source_disk *d);

/* The target had all of what d->sent tells when it was compared: keeps that for
 * doubt_was_equal().  0 or -ENOMEM. */
int doubt_keep_equal(struct source_disk *d);
/* Whether that was this content, in this segment. */
bool doubt_was_equal(const struct source_disk *d, uint64_t number,
                     const struct segment_digest *now);

/* Asks about the segments that were noted, if there are any, and drops the
 * notes.  0: it is another storage, the target was told so, and the doubt is
 * not open any more; or nothing has told, and it is open still.  -EEXIST
 * (logged): it is the same storage.  Other errors are of reading (logged) or of
 * the wire. */
int doubt_settle(const struct session *s, struct source_disk *d);

#endif
