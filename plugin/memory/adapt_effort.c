/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much is done to make the memory stream small; see adapt_effort.h. */
#include "config.h"

#include <string.h>

#include "plugin/memory/adapt_effort.h"

/* A stretch is judged when it is at least this long. */
#define STRETCH_SECONDS 0.3
#define STRETCH_BYTES (1u << 20)

/* The line or xl is the bottleneck if it is waited for during this share of the
 * time. */
#define LINE_SHARE 0.25
#define XL_SHARE 0.4

/* A try stays if the stream is faster by this factor. */
#define GAIN 1.1

/* Seconds until the next try, twice as many after every try in vain. */
#define PAUSE_MIN 1.0
#define PAUSE_MAX 30.0

void adapt_effort_init(struct adapt_effort *e,
                       const struct adapt_effort_sample *now)
{
    memset(e, 0, sizeof(*e));
    e->start = *now;
    e->pause = PAUSE_MIN;
}

static void begin_stretch(struct adapt_effort *e,
                          const struct adapt_effort_sample *now)
{
    e->start = *now;
    e->bytes = 0;
}

/* Ends a try: the other level stays if the stream got on faster. */
static void judge(struct adapt_effort *e, double rate, double now)
{
    e->trying = false;
    if (rate > e->rate_before * GAIN) {
        e->pause = PAUSE_MIN;
        e->not_before = now;
        return;
    }
    e->level = e->before;
    e->not_before = now + e->pause;
    e->pause = e->pause * 2 < PAUSE_MAX ? e->pause * 2 : PAUSE_MAX;
}

static void try_other(struct adapt_effort *e, double rate, double line)
{
    e->before = e->level;
    if (line > LINE_SHARE && e->level > EFFORT_FULL)
        e->level--;
    else if (line <= LINE_SHARE && e->level < EFFORT_CHEAP)
        e->level++;
    e->trying = e->level != e->before;
    e->rate_before = rate;
}

/* The share of what was sent in this stretch that is still under way at its
 * end, beyond what was so at its start. */
static double share_under_way(const struct adapt_effort *e,
                              const struct adapt_effort_sample *now)
{
    uint64_t sent = now->sent - e->start.sent;

    return sent > 0 && now->queued > e->start.queued ?
        (double)(now->queued - e->start.queued) / sent : 0;
}

void adapt_effort_sent(struct adapt_effort *e, uint64_t bytes,
                       const struct adapt_effort_sample *now)
{
    double seconds = now->now - e->start.now, rate, line, xl, under_way;

    e->bytes += bytes;
    if (seconds < STRETCH_SECONDS || e->bytes < STRETCH_BYTES)
        return;
    under_way = share_under_way(e, now);
    rate = e->bytes * (1 - under_way) / seconds;
    line = (now->line - e->start.line) / seconds;
    if (line < under_way)
        line = under_way;
    xl = (now->xl - e->start.xl) / seconds;
    begin_stretch(e, now);
    if (xl > XL_SHARE)
        return;
    if (e->trying)
        judge(e, rate, now->now);
    else if (now->now >= e->not_before)
        try_other(e, rate, line);
}

enum memory_packing adapt_effort_packing(const struct adapt_effort *e)
{
    switch (e->level) {
    case EFFORT_FULL:
        return MEMORY_PACKED;
    case EFFORT_FAST:
        return MEMORY_FAST;
    default:
        return MEMORY_STORED;
    }
}
