/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of the content of a disk's segments: that it is zero, or its
 * digest.
 *
 * The peer chooses how large the disk is, and a large one is mostly zero: a
 * segment takes a byte, and a digest memory only where there is one.  All of it
 * comes from a budget.
 *
 * Entries do not depend on each other: threads may work on different ones at
 * once, and a thread that reads an entry sees all of what another one has put.
 */
#ifndef PLUGIN_TARGET_DIGEST_TABLE_H
#define PLUGIN_TARGET_DIGEST_TABLE_H

#include "plugin/base/budget.h"
#include "plugin/content/segment.h"

struct digest_table;

/* n segments, of which nothing is known.  The budget is borrowed.  *t_r is for
 * digest_table_free().  -ENOMEM or -ENOBUFS. */
int digest_table_new(struct digest_table **t_r, uint64_t n, struct budget *b);
void digest_table_free(struct digest_table *t);

/* Copies count entries from first on. */
void digest_table_get(const struct digest_table *t, uint64_t first,
                      size_t count, struct segment_digest *out);
/* The other way round; what is not known in `in` is forgotten.  -ENOMEM or
 * -ENOBUFS: those that could not be kept are forgotten. */
int digest_table_put(struct digest_table *t, uint64_t first, size_t count,
                     const struct segment_digest *in);

/* One of them: whether it is known; whether it is known and zero. */
bool digest_table_knows(const struct digest_table *t, uint64_t number);
bool digest_table_is_zero(const struct digest_table *t, uint64_t number);

/* Nothing is known of it any more. */
void digest_table_forget(struct digest_table *t, uint64_t number);
/* It is zero. */
void digest_table_set_zero(struct digest_table *t, uint64_t number);

/* Whether both know of the segment, and the same. */
bool digest_table_agree(const struct digest_table *a,
                        const struct digest_table *b, uint64_t number);

#endif
