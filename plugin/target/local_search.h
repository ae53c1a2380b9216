/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looks for an object in the references, and brings it to its place.
 *
 * Safe for several threads, each with another object.  The references are not
 * trusted: content is hashed while it is copied.
 */
#ifndef PLUGIN_TARGET_LOCAL_SEARCH_H
#define PLUGIN_TARGET_LOCAL_SEARCH_H

#include <stdbool.h>

#include "plugin/target/objects.h"

/* Waits for references that are still being read if that pays.  *found_r: the
 * object is in its place; otherwise it was not found, or was not what it
 * should be, and what was written in vain is noted as touched.  Negative
 * errno: writing failed. */
int local_search(const struct batch *b, const struct wire_object *o,
                 bool *found_r);

#endif
