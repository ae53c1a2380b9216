/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much is done to make the memory stream small; see adapt_effort.h. */
#include "config.h"

#include <string.h>

#include "plugin/memory/adapt_effort.h"

/* A stretch is judged when it has lasted so long. */
#define STRETCH_SECONDS 0.3
#define STRETCH_BYTES (1u << 20)

/* Who waits for so much of the time shows who the bottleneck is. */
#define LINE_SHARE 0.25
#define XL_SHARE 0.4

/* What is kept must be better by so much. */
#define GAIN 1.1

#define PAUSE_MIN 1.0
#define PAUSE_MAX 30.0

void adapt_effort_init(struct adapt_effort *e, const struct adapt_effort_sample *now)
{
    memset(e, 0, sizeof(*e));
    e->start = *now;
    e->pause = PAUSE_MIN;
}

static void begin_stretch(struct adapt_effort *e, const struct adapt_effort_sample *now)
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
static double left_behind(const struct adapt_effort *e,
                          const struct adapt_effort_sample *now)
{
    uint64_t sent = now->sent - e->start.sent;

    return sent > 0 && now->queued > e->start.queued ?
        (double)(now->queued - e->start.queued) / sent : 0;
}

void adapt_effort_sent(struct adapt_effort *e, uint64_t bytes,
                 const struct adapt_effort_sample *now)
{
    double seconds = now->now - e->start.now, rate, line, xl, behind;

    e->bytes += bytes;
    if (seconds < STRETCH_SECONDS || e->bytes < STRETCH_BYTES)
        return;
    behind = left_behind(e, now);
    rate = e->bytes * (1 - behind) / seconds;
    line = (now->line - e->start.line) / seconds;
    if (line < behind)
        line = behind;
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
