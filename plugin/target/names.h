/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The names that the source is asked for (docs/protocol.md, "UNKNOWN, NAMES,
 * SIGNATURE, RECIPE").
 *
 * The numbers of objects wait until an UNKNOWN frame is full of them, or is
 * sent as it is.  The source answers frame by frame, in the order in which they
 * were sent.  It is not trusted: a NAMES frame that does not fit to what was
 * asked breaks the protocol.
 */
#ifndef PLUGIN_TARGET_NAMES_H
#define PLUGIN_TARGET_NAMES_H

#include "plugin/target/disk.h"

/* What the budget is told that this memory is for. */
#define NAMES_PURPOSE "objects whose names are asked for"

struct names;

/* Takes the name of an object that was asked for.  name: "" if it has none.
 * shown: by which the source shows that it has another version of the object;
 * means nothing without a name, or if nothing need be shown (struct told).
 * Both are borrowed.  0, or a negative errno that ends the frame. */
typedef int names_sink(struct target_disk *d, uint64_t number,
                       const char *name,
                       const uint32_t shown[PROTO_SHOWN_VALUES]);

/* Borrows the disk.  *n_r is for names_free().  0 or -ENOMEM. */
int names_new(struct names **n_r, struct target_disk *d);
/* n may be NULL.  No thread may use it any more. */
void names_free(struct names *n);

/* Any thread, with the disk's lock held: asks for an object's name, now or with
 * the next ones.  0, -ENOMEM, -ENOBUFS or an error of the wire. */
int names_ask(struct names *n, uint64_t number);
/* The same: sends the numbers that wait.  0, -ENOMEM or an error of the
 * wire. */
int names_flush(struct names *n);

/* Engine thread: takes a NAMES frame, and hands each name to sink, in the order
 * asked.  0, -EPROTO, or what sink returned. */
int names_take(struct names *n, const struct frame *f, names_sink *sink);

#endif
