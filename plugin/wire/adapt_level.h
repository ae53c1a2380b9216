/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The level of compression that a link is worth.
 *
 * The level follows from measuring, again and again.  While everything waits
 * for the line, it is the highest at which the processors keep up with the
 * line within their budget (adapt_level.c has the table).  While the line is
 * idle and the compressor at work, the level falls.  While the host is busy
 * the level stays in the cheap range.
 *
 * How long a level takes is known of one processor; how much longer it takes
 * here, the slowdown, is learned.  The slow levels take ten times as long as
 * those below them, and trying one in vain costs the line seconds; so a
 * processor is timed before.
 *
 * Example: a line of 100 Mbit/s (12.5 MB/s) is the bottleneck, of two
 * processors one is idle, and the slowdown is 1.25.  A job (4 MiB) leaves
 * 1.26 MB after compression, which keep the line busy for 0.1 s; in that time
 * the processors have 0.2 s.
 *
 *     range   levels      budget                        takes here
 *     cheap   -10 ... 2   1/4 of 0.2 s = 0.050 s        level 2:  0.023 s
 *     fast    3 ... 9     1/8 + 1/2 * 1/2 (the share that is idle) = 3/8
 *                         of 0.2 s = 0.075 s            level 6:  0.073 s,
 *                                                       level 7:  0.100 s
 *     slow    16 ... 18   all of 0.2 s                  level 16: 1.5 s
 *
 * The highest level within its budget is 6.  At 2 Mbit/s the same job keeps the
 * line busy for 5 s; level 18 takes 1.9 s of the 10 s that there are, and is
 * chosen.
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
    uint64_t carried;           /* and bytes that it took */
    uint64_t in, out;           /* bytes that went into the compressor, and
                                   that came out */
    double idle;                /* seconds in which processors had nothing to
                                   do, of all together; negative: not known */
};

struct adapt_level {
    bool follows;               /* the link; otherwise the level is fixed */
    int fixed;
    unsigned processors;
    unsigned index;             /* of the level, in the table */
    double slowdown;            /* how many times as long as in the table a
                                   level takes here, */
    double least_slowdown;      /* and at least */
    unsigned timings;           /* that least_slowdown stands on */
    double line_busy;           /* as busy and carried, with what is left of */
    double line_bytes;          /* those of former samples */
    uint64_t since;             /* bytes in since the level was changed */
    double clock;               /* seconds of all samples */
    double pause;               /* after a try of the slow levels in vain; */
    double not_before;          /* the clock at which the next one may be */
};

/* fixed: zstd's level, or 0: it follows the link.  processors: how many the
 * compressor uses. */
void adapt_level_init(struct adapt_level *l, int fixed, unsigned processors);

/* The level, as zstd counts. */
int adapt_level_now(const struct adapt_level *l);

/* These bytes went into the compressor. */
void adapt_level_in(struct adapt_level *l, uint64_t bytes);

/* Whether a sample is long enough for adapt_level_decide(). */
bool adapt_level_is_due(const struct adapt_level *l,
                        const struct adapt_level_sample *s);

/* Times this processor, if that is still to be done; takes milliseconds. */
void adapt_level_time(struct adapt_level *l);
/* Reads what it needs for that, for a process that will not be able to open
 * files any more. */
void adapt_level_prepare(void);

/* Decides by a sample that is due.  True: the level is another one now. */
bool adapt_level_decide(struct adapt_level *l,
                        const struct adapt_level_sample *s);

#endif
