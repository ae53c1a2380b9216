/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects made by recipes (docs/protocol.md, "UNKNOWN, NAMES, SIGNATURE,
 * RECIPE"), the target's part.
 *
 * For an object that is not found by its digest its name is asked for.  If a
 * reference has a file of that name, its signature goes to the source, whose
 * recipe tells what of the object is in there, and brings the rest.  If the
 * result is not what the source says it read, the object is asked for whole,
 * and nothing is left of it that was here before (assembly.h).  Recipes for
 * objects of which blocklist.c has found blocks are followed here as well.
 *
 * An object counts as WANT_HELPED (want.h) from recipe_ask() on until it is
 * made, asked for or given up.
 */
#ifndef PLUGIN_TARGET_RECIPE_H
#define PLUGIN_TARGET_RECIPE_H

#include <stdbool.h>

#include "plugin/target/objects.h"

/* Before threads work on the disk; does nothing when called again.  0 or
 * -ENOMEM. */
int recipe_begin(struct target_disk *d);

/* Any thread: whether there may be another version of the object. */
bool recipe_may_help(const struct target_disk *d, const struct wire_object *o);
/* Any thread: asks for the object's name.  -ENOMEM, -ENOBUFS or an error of the
 * wire: the object was not taken over. */
int recipe_ask(struct target_disk *d, uint64_t number);
/* With the lock held: sends the numbers that wait for company.  0, -ENOMEM or
 * an error of the wire. */
int recipe_flush(struct target_disk *d);

/* Engine thread: take NAMES and RECIPE.  0, -EPROTO if the source breaks the
 * protocol, the disk's error, or what memory, writing or the wire gave. */
int recipe_take_names(struct target_disk *d, const struct frame *f);
int recipe_take(struct target_disk *d, const struct frame *f);

/* Frees all of this.  No thread may work on the disk any more. */
void recipe_release(struct target_disk *d);

#endif
