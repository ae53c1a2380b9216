/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The objects of a source's disk by their numbers on the wire.  The table grows
 * while the disk is still being read: one thread adds objects, any thread may
 * ask for them, and one may wait for more.  A lock covers the table; an object
 * stays where it is as long as its manifest.
 */
#ifndef PLUGIN_SOURCE_OBJECT_TABLE_H
#define PLUGIN_SOURCE_OBJECT_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "plugin/content/manifest.h"

/* A number has 32 bits. */
#define OBJECT_TABLE_MAX UINT32_MAX

struct object_table;

/* Makes an empty table, for object_table_free().  0 or -ENOMEM. */
int object_table_new(struct object_table **t_r);
void object_table_free(struct object_table *t);

/* Gives the next numbers, from 0 on, to these n objects, which are borrowed.
 * 0, -ENOMEM, or -EFBIG: there are no more numbers. */
int object_table_add(struct object_table *t,
                     const struct object *const *objects, size_t n);
/* Tells that no more will be added. */
void object_table_end(struct object_table *t);

/* How many objects there are so far. */
uint64_t object_table_count(struct object_table *t);
/* number: less than what object_table_count() has returned. */
const struct object *object_table_get(struct object_table *t, uint64_t number);

/* Waits until there are more than `known` objects, and at least that many
 * milliseconds, in which others may come with them; or until no more will
 * come.  Returns how many there are. */
uint64_t object_table_wait(struct object_table *t, uint64_t known,
                           unsigned milliseconds);

#endif
