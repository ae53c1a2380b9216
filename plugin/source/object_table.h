/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The objects of a source's disk by their numbers on the wire.  It grows while
 * the disk is still being read: one thread adds, any may ask, one may wait.
 */
#ifndef PLUGIN_SOURCE_OBJECT_TABLE_H
#define PLUGIN_SOURCE_OBJECT_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "plugin/content/manifest.h"

/* A number is one of 32 bits. */
#define OBJECT_TABLE_MAX UINT32_MAX

struct object_table;

int object_table_new(struct object_table **t_r);
void object_table_free(struct object_table *t);

/* The next numbers, from 0 on, are those of these n objects, which are
 * borrowed.  -EFBIG: there are no more numbers. */
int object_table_add(struct object_table *t,
                     const struct object *const *objects, size_t n);
/* No more will come. */
void object_table_end(struct object_table *t);

/* How many there are so far. */
uint64_t object_table_count(struct object_table *t);
/* number: below what object_table_count() told. */
const struct object *object_table_get(struct object_table *t, uint64_t number);

/* Waits until there are more than `known`, and at least so long that others
 * may have come with them; or until no more will come.  Returns how many there
 * are. */
uint64_t object_table_wait(struct object_table *t, uint64_t known,
                           unsigned milliseconds);

#endif
