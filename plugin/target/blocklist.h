/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects of what no parser understands (docs/protocol.md, "LIST, BLOCKLIST,
 * HELD"), the target's part: those that are not found by their digest are
 * looked for block by block, anywhere in the references.
 *
 * An object that is handed over counts as WANT_HELPED (want.h) until it is
 * asked for whole or its recipe is complete (recipe.h).  What is read for a
 * recipe may have changed since it was found: the passes will tell.
 */
#ifndef PLUGIN_TARGET_BLOCKLIST_H
#define PLUGIN_TARGET_BLOCKLIST_H

#include <stdbool.h>

#include "plugin/target/objects.h"

/* An object that was handed over. */
struct unmatched;

/* Hands an object over, if its blocks can be looked for.  Any thread, without
 * the disk's lock.  *taken_r: it was.  0 or -ENOMEM. */
int blocklist_ask(struct target_disk *d, const struct wire_object *o,
                  uint64_t number, bool *taken_r);
/* With the lock held: no more objects will be handed over.  Begins the steps,
 * if there are any objects.  0 or an error of the wire. */
int blocklist_begin(struct target_disk *d);
/* Engine thread: takes a BLOCKLIST.  0, -EPROTO if the source breaks the
 * protocol, -ENOMEM or an error of the wire. */
int blocklist_take(struct target_disk *d, const struct frame *f);

/* The object, if HELD was sent for it and it was not asked for here before;
 * else NULL.  Borrowed until blocklist_release(). */
const struct unmatched *blocklist_take_object(struct target_disk *d,
                                              uint64_t number);
/* Bytes of it before its first block. */
uint32_t blocklist_head(const struct unmatched *u);
/* Reads length bytes of it at offset from where they were found in the
 * references.  0, or -EPROTO: not all of that is held.  What cannot be read
 * comes as zeros. */
int blocklist_read(struct target_disk *d, const struct unmatched *u,
                   void *data, size_t length, uint64_t offset);

/* Frees all of this.  No thread may work on the disk any more. */
void blocklist_release(struct target_disk *d);

#endif
