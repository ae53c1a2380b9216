/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order in which objects are sent.
 *
 * What the target wants waits here and leaves sorted: first what will hardly
 * compress, because it keeps the line busy at the least cost, and the scan needs
 * the processors; then files by their type (the name's extension), directory
 * and name, so that the compressor has similar content side by side; then what
 * is no file, by place.  The order goes round: what comes too late for its turn
 * waits for the next.  So on a fast link objects leave about as they were asked
 * for, and the slower the link, the more there is to sort, and nobody ever
 * waits for the sorting.
 */
#ifndef PLUGIN_SOURCE_SEND_ORDER_H
#define PLUGIN_SOURCE_SEND_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/content/manifest.h"

struct order;

/* The files of m have been parsed; it is borrowed only until this returns. */
int order_new(struct order **o_r, const struct manifest *m);
void order_free(struct order *o);

/* Adds an object of that manifest; number: what order_take() is to call it;
 * whole: all of its content is to be sent.  One that is in there must not be
 * added again. */
int order_add(struct order *o, const struct object *object, uint32_t number,
              bool whole);

/* Takes the next one out.  False: there is none. */
bool order_take(struct order *o, uint32_t *number_r);

bool order_is_empty(const struct order *o);

#endif
