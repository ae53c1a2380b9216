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
#define ROSTER_MAX UINT32_MAX

struct roster;

int roster_new(struct roster **r_r);
void roster_free(struct roster *r);

/* The next numbers, from 0 on, are those of these n objects, which are
 * borrowed.  -EFBIG: there are no more numbers. */
int roster_add(struct roster *r, const struct object *const *objects,
               size_t n);
/* No more will come. */
void roster_end(struct roster *r);

/* How many there are so far. */
uint64_t roster_count(struct roster *r);
/* number: below what roster_count() told. */
const struct object *roster_get(struct roster *r, uint64_t number);

/* Waits until there are more than `known`, and at least so long that others
 * may have come with them; or until no more will come.  Returns how many there
 * are. */
uint64_t roster_wait(struct roster *r, uint64_t known, unsigned milliseconds);

#endif
