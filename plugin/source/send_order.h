/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order in which objects are sent.
 *
 * What the target wants waits here and leaves sorted: first what will hardly
 * compress, because it keeps the line busy at the least cost while the scan
 * needs the processors; then files by their type (the name's extension), their
 * directory and their name, so that the compressor has similar content side by
 * side; then what is no file, by its place on the disk.  The order goes round:
 * what comes too late for its turn waits for the next.  On a fast link objects
 * therefore leave about as they were asked for; the slower the link, the more
 * there is to sort; and nothing ever waits for the sorting.
 */
#ifndef PLUGIN_SOURCE_SEND_ORDER_H
#define PLUGIN_SOURCE_SEND_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/content/manifest.h"

struct send_order;

/* Makes an empty order of the objects of m, whose files have been parsed, for
 * send_order_free().  m is borrowed only until this returns.  0 or -ENOMEM. */
int send_order_new(struct send_order **o_r, const struct manifest *m);
void send_order_free(struct send_order *o);

/* Adds an object of that manifest, which send_order_take() will call `number`.
 * whole: all of its content is to be sent.  The caller does not add an object
 * again before it was taken out.  0 or -ENOMEM. */
int send_order_add(struct send_order *o, const struct object *object,
                   uint32_t number, bool whole);

/* Takes the next object out.  Returns false if there is none. */
bool send_order_take(struct send_order *o, uint32_t *number_r);

bool send_order_is_empty(const struct send_order *o);

#endif
