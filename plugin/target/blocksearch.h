/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Searches the reference images for the blocks of a table (blocktable.h),
 * wherever they may lie in there.
 *
 * To read everything would often be in vain.  So images are divided into
 * zones, and a few pieces of each zone are probed first.  The search then
 * reads only the zones where a probe found blocks, the zones beside those, and
 * images that are full of such blocks; and only while these blocks have not
 * been found elsewhere meanwhile.  A guest's file system aligns its blocks to
 * its partition, which may begin at any sector: the probes also tell at which
 * offsets blocks begin.
 *
 * All work is done by the threads of a pool, a little at a time, so that
 * other jobs get their turns.  A place that is found is a hint: what lies
 * there may change at any time.
 */
#ifndef PLUGIN_TARGET_BLOCKSEARCH_H
#define PLUGIN_TARGET_BLOCKSEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/threadpool.h"
#include "plugin/match/blocktable.h"
#include "plugin/target/reference.h"

struct blocksearch_options {
    struct threadpool *pool;
    struct references *references;
    struct blocktable *table;       /* all blocks have been added */
    const uint8_t *key;             /* of their hashes */
    /* Asked by any thread: whether to give up.  What was begun ends soon
     * then. */
    bool (*stopped)(void *opaque);
    void *opaque;
};

struct blocksearch;

/* What was begun has ended.  Called by a thread of the pool, which does not
 * touch the search afterwards: the callback may free it. */
typedef void blocksearch_done(void *opaque);

/* Borrows all that opt names, until blocksearch_free().  0 or -ENOMEM. */
int blocksearch_new(struct blocksearch **s_r,
                    const struct blocksearch_options *opt);
/* Nothing may be under way. */
void blocksearch_free(struct blocksearch *s);

/* Begins to probe the images.  -ENOMEM, or -ENOENT if there are no images:
 * nothing was begun, and done() is not called. */
int blocksearch_probe(struct blocksearch *s, blocksearch_done *done);
/* After the probes: the number of different blocks that they found. */
size_t blocksearch_hits(const struct blocksearch *s);

/* After the probes: begins to read what is worth it, and puts the places of
 * blocks into the table.  -ENOMEM: nothing was begun, as above. */
int blocksearch_run(struct blocksearch *s, blocksearch_done *done);
/* The number of bytes that the search has read, without the probes. */
uint64_t blocksearch_bytes(const struct blocksearch *s);

#endif
