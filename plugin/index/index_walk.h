/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The health of an index: every record of it is visited.
 *
 * Trusts nothing that it reads.  What LMDB does with a damaged page is its own
 * affair, though: only a child of store_verify() may walk what was not walked
 * before.
 */
#ifndef PLUGIN_INDEX_INDEX_WALK_H
#define PLUGIN_INDEX_INDEX_WALK_H

#include <stdint.h>

#include "plugin/index/store.h"

struct index_report {
    uint64_t images, objects, entries;  /* entries: of the other tables */
    uint64_t lost;                  /* entries of what is not there */
    uint64_t missing;               /* objects that no entry leads to */
    uint64_t abandoned;             /* images that are not listed */
};

/* Visits every record and checks it: 0, or -EUCLEAN.  With r, also looks up
 * what each record speaks of, and counts what is not right; else r is NULL. */
int index_walk(struct store *s, MDB_txn *t, struct index_report *r);

#endif
