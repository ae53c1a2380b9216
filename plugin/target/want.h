/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asking the source for whole objects (WANT), and telling it when that has
 * ended (WANT_END): after the last object of the disk has left all the states
 * in which it might still be asked for.
 *
 * Safe for several threads.  Numbers wait for company, so that a frame has many
 * of them.
 */
#ifndef PLUGIN_TARGET_WANT_H
#define PLUGIN_TARGET_WANT_H

#include <stdbool.h>

#include "plugin/target/objects.h"

/* The states of an object before it is in its place, is asked for, or is left
 * to the passes.  See bulk.c for its life. */
enum want_state {
    WANT_SEARCHED,      /* it is looked for in the references; counted here as
                           well: the open manifest, and a batch whose objects
                           are being looked up */
    WANT_HELPED,        /* recipe.c or blocklist.c has it; counted here as well:
                           the steps of blocklist.c */
    WANT_STATES,
};

/* Before threads work on the disk; does nothing when called again.  0 or
 * -ENOMEM. */
int want_begin(struct target_disk *d);
void want_release(struct target_disk *d);

/* With the lock held: count more enter a state; whether only one is left
 * there. */
void want_enter(struct target_disk *d, enum want_state state, uint64_t count);
bool want_is_last(const struct target_disk *d, enum want_state state);
/* One leaves a state for good; rc: or failed.  If it was the last one of all,
 * the source is told. */
void want_leave(struct target_disk *d, enum want_state state, int rc);
/* The same with the lock held. */
void want_leave_locked(struct target_disk *d, enum want_state state, int rc);

/* Asks for an object, whole.  0, -ENOMEM or an error of the wire. */
int want_ask(struct target_disk *d, uint64_t number);
/* For a dry run: says that the object is left to the passes. */
int want_ask_left(const struct batch *b, const struct wire_object *o);
/* Sends what waits for company; the same with the lock held. */
int want_flush(struct target_disk *d);
int want_flush_locked(struct target_disk *d);

/* Whether the last object has left. */
bool want_is_complete(struct target_disk *d);

#endif
