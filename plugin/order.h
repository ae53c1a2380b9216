/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order in which objects are sent.
 *
 * What the target wants waits here and leaves sorted: files by their type
 * (the name's extension), directory and name, so that the compressor has
 * similar content side by side; then what is no file, by place.  The order
 * goes round: what comes too late for its turn waits for the next.  So on a
 * fast link objects leave about as they were asked for, and the slower the
 * link, the more there is to sort, and nobody ever waits for the sorting.
 */
#ifndef PLUGIN_ORDER_H
#define PLUGIN_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/manifest.h"

struct order;

/* numbers: n indices of m's objects; what is added later is an index into
 * this.  Both are borrowed, m only until this returns. */
int order_new(struct order **o_r, const struct manifest *m,
              const uint32_t *numbers, size_t n);
void order_free(struct order *o);

/* Adds one that is not in there. */
void order_add(struct order *o, size_t i);

/* Takes the next one out.  False: there is none. */
bool order_take(struct order *o, size_t *i_r);

bool order_has(const struct order *o, size_t i);
bool order_is_empty(const struct order *o);

#endif
