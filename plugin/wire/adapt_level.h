/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The level of compression that a link is worth.
 *
 * Follows from measuring, again and again: while the line is what everything
 * waits for, the level is the highest that all processors together sustain at
 * this rate; while the line is idle and the compressor at work, it falls.  As
 * long as processors have enough else to do, it stays where little of them does.
 * What a level takes is known of one processor, and how much longer it takes
 * here is learned.  The highest levels take ten times as long as those below
 * them, and to try one in vain costs the line seconds; so a processor is timed
 * before.
 *
 * Not safe for several threads.
 */
#ifndef PLUGIN_WIRE_ADAPT_LEVEL_H
#define PLUGIN_WIRE_ADAPT_LEVEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one processor compresses in a piece: a good unit to split work by. */
#define ADAPT_LEVEL_JOB_BYTES (4u << 20)

/* Sums since the last decision. */
struct adapt_level_sample {
    double seconds;             /* that have passed */
    double compressing;         /* of these: waiting for the compressor, */
    double waiting;             /* and for the line to take what came out */
    double busy;                /* seconds in which the line took something, */
    uint64_t carried;           /* and bytes of it */
    uint64_t in, out;           /* bytes that went into the compressor, and
                                   came out */
    double idle;                /* seconds in which processors had nothing to
                                   do, of all together; negative: not known */
};

struct adapt_level {
    bool follows;
    int fixed;                  /* unless it follows */
    unsigned processors;
    unsigned index;
    double pace;                /* how many times as long as was measured
                                   elsewhere it takes here, and at least */
    double least_pace;
    unsigned timings;           /* of the least pace, so far */
    double line_busy;           /* as busy and carried, and of what was before */
    double line_bytes;
    uint64_t since;             /* bytes in since it was changed */
    double clock;               /* seconds of all samples */
    double pause;               /* after a try in vain of the highest levels */
    double not_before;          /* is the next one */
};

/* fixed: zstd's level, or 0: it follows the link. */
void adapt_level_init(struct adapt_level *l, int fixed, unsigned processors);

/* zstd's. */
int adapt_level_now(const struct adapt_level *l);

/* So many bytes went in. */
void adapt_level_in(struct adapt_level *l, uint64_t bytes);

/* Whether a sample is long enough for adapt_level_decide(). */
bool adapt_level_is_due(const struct adapt_level *l, const struct adapt_level_sample *s);

/* Times this processor, if that is still to be done; takes milliseconds. */
void adapt_level_time(struct adapt_level *l);

/* True: the level is another one now. */
bool adapt_level_decide(struct adapt_level *l, const struct adapt_level_sample *s);

#endif
