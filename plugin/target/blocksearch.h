/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sweeps: the reference images are read past a table of blocks that are looked
 * for (blocktable.h), wherever they may lie in there.
 *
 * To read everything would often be in vain.  So images are divided into
 * zones, and a few pieces of each are looked at first; a sweep reads only
 * zones where some of that was found, those beside them, and images that are
 * full of it, and only while that was not found elsewhere meanwhile.  A guest's
 * file system aligns its blocks to its partition, which may begin at any
 * sector: the pieces also tell at which places blocks begin.
 *
 * All work is done by the threads of a pool, a little at a time, so that
 * others get their turns.
 */
#ifndef PLUGIN_TARGET_BLOCKSEARCH_H
#define PLUGIN_TARGET_BLOCKSEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/threadpool.h"
#include "plugin/match/blocktable.h"
#include "plugin/target/reference.h"

struct sweep_options {
    struct threadpool *pool;
    struct references *references;
    struct blocktable *table;       /* all blocks have been added */
    const uint8_t *key;             /* of their hashes */
    /* Whether to give up: then what was begun ends soon. */
    bool (*stopped)(void *opaque);
    void *opaque;
};

struct sweep;

/* What was begun has ended.  Called by a thread of the pool, as the last
 * thing, so it may free the sweep. */
typedef void sweep_done(void *opaque);

/* Borrows all that opt names.  0, or -ENOMEM. */
int sweep_new(struct sweep **s_r, const struct sweep_options *opt);
/* Nothing may be under way. */
void sweep_free(struct sweep *s);

/* Begins to look at the pieces.  -ENOMEM, or -ENOENT if there are no images:
 * nothing was begun. */
int sweep_probe(struct sweep *s, sweep_done *done);
/* After that: how many different blocks were found in them. */
size_t sweep_hits(const struct sweep *s);

/* After that: begins to read what is worth it, and puts places into the
 * table.  -ENOMEM: nothing was begun. */
int sweep_run(struct sweep *s, sweep_done *done);
/* Bytes that were read for it. */
uint64_t sweep_bytes(const struct sweep *s);

#endif
