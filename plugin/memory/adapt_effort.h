/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much is done to make the memory stream small.
 *
 * The effort follows from measuring, again and again.  While everything waits
 * for the line, more effort is tried; while everything waits for us, less; and
 * what was tried stays if the stream got on faster.  While xl gives less than
 * we could take, nothing is changed.  Zero pages do not count, or a stretch of
 * them would decide.
 *
 * Buffers on the way (of ssh, of both kernels) take megabytes without a wait
 * that a slow line needs seconds for.  So what counts is what the target has
 * taken.
 *
 * Not safe for several threads.
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

/* Running totals, from any beginning; `queued` is a current value. */
struct adapt_effort_sample {
    double now;                 /* seconds */
    double line;                /* seconds of waiting for the line or target */
    double xl;                  /* seconds of waiting for the stream's bytes */
    uint64_t sent;              /* bytes of payload */
    uint64_t queued;            /* bytes that the target has not taken yet */
};

struct adapt_effort {
    enum adapt_effort_level level;
    enum adapt_effort_level before;     /* what the try began with */
    bool trying;                /* another level */
    double rate_before;         /* bytes a second, without the try */
    double pause;               /* seconds after a try in vain */
    double not_before;          /* no other try until then */
    struct adapt_effort_sample start;   /* when the stretch began */
    uint64_t bytes;             /* of content sent in the stretch */
};

void adapt_effort_init(struct adapt_effort *e,
                       const struct adapt_effort_sample *now);

/* Bytes of content have been sent: the level may be another one now. */
void adapt_effort_sent(struct adapt_effort *e, uint64_t bytes,
                       const struct adapt_effort_sample *now);

/* How the level packs. */
enum memory_packing adapt_effort_packing(const struct adapt_effort *e);

#endif
