/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much is done to make the memory stream small.
 *
 * Decided by measuring, again and again: while the line is what everything
 * waits for, more effort is tried, while we are, less; and kept if the stream
 * got on faster.  While xl is (it gives less than we could take), nothing is
 * changed.  Zero pages do not count, or a stretch of them would decide.
 *
 * Buffers on the way (of ssh, of both kernels) take megabytes without a wait,
 * which a slow line needs seconds for.  So what counts is what the target has
 * taken.
 */
#ifndef PLUGIN_MEMORY_ADAPT_EFFORT_H
#define PLUGIN_MEMORY_ADAPT_EFFORT_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/proto.h"

enum adapt_effort_level {
    EFFORT_FULL,
    EFFORT_FAST,                /* packed by a faster level */
    EFFORT_CHEAP,               /* not packed, not looked for */
};

/* Sums since whenever, but for what is queued. */
struct adapt_effort_sample {
    double now;                 /* seconds */
    double line;                /* seconds of waiting for the line or target */
    double xl;                  /* seconds of waiting for the stream's bytes */
    uint64_t sent;              /* bytes of payload */
    uint64_t queued;            /* of these, not taken by the target yet */
};

struct adapt_effort {
    enum adapt_effort_level level;
    enum adapt_effort_level before;   /* while one is tried */
    bool trying;
    double rate_before;
    double pause;               /* after a try in vain */
    double not_before;
    struct adapt_effort_sample start; /* of the stretch */
    uint64_t bytes;             /* in it */
};

void adapt_effort_init(struct adapt_effort *e, const struct adapt_effort_sample *now);

/* So many bytes of content have been sent. */
void adapt_effort_sent(struct adapt_effort *e, uint64_t bytes,
                 const struct adapt_effort_sample *now);

enum memory_packing adapt_effort_packing(const struct adapt_effort *e);

#endif
