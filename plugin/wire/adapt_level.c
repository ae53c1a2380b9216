/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The level of compression that a link is worth; see adapt_level.h. */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "plugin/wire/adapt_level.h"

/* Levels that the link is followed through, and seconds that one processor took
 * for a job of programs, which makes JOB_OUT bytes.  Of content that compresses
 * better a job takes less, but not less than JOB_LEAST of it.  The levels from
 * 10 to 15 save one byte in a hundred more than 9, and take up to ten times as
 * long; 19 saves what 18 does. */
static const struct {
    int level;
    double seconds;
} levels[] = {
    { -10, 0.010 }, { -5, 0.012 }, { -2, 0.014 }, { 1, 0.016 }, { 2, 0.018 },
    { 3, 0.024 }, { 4, 0.033 }, { 5, 0.050 }, { 6, 0.058 }, { 7, 0.080 },
    { 9, 0.090 }, { 16, 1.2 }, { 17, 1.4 }, { 18, 1.5 },
};
#define JOB_OUT (ADAPT_LEVEL_JOB_BYTES * 0.3)
#define JOB_LEAST 0.15
#define N_LEVELS (sizeof(levels) / sizeof(levels[0]))
/* Where that begins: at the lowest level at which zstd chooses its faster way
 * of searching (by rows), as it does so once, for all levels to come. */
#define FIRST 7
#define CHEAP 4             /* those above it save little, up to */
#define FAST 10             /* those above it take much longer */

/* A decision is due after so much of both. */
#define LOOK_SECONDS 0.25
#define LOOK_BYTES ADAPT_LEVEL_JOB_BYTES

/* Shares of the time. */
#define LINE_LIMITS 0.6     /* of waiting for it */
#define WE_LIMIT 0.5        /* of compressing, while the line was */
#define LINE_IDLE 0.9       /* not so much busy */
#define ONLY_WE_LIMIT 0.85

/* What remains of the line's former rate with every decision: it is not
 * always the same, and other frames take it, too. */
#define LINE_KEEP 0.75

/* What compressing may take of the processors' time at the lowest levels, as the
 * disk has to be read and hashed, and the host has other guests.  The next ones
 * save little: so much, and as great a share of what is idle. */
#define SHARE 0.25
#define SHARE_BUSY 0.125
#define SHARE_OF_IDLE 0.5

/* The pace to begin with, at most and at least, and what of more than the least
 * is forgotten while the line is the slower one, so that higher levels are tried
 * again. */
#define PACE_FIRST 1.25
#define PACE_MAX 8
#define PACE_MIN 0.5
#define PACE_FORGET 0.2

/* Seconds before levels above FAST are tried again, which did not keep up; twice
 * as long after every try in vain. */
#define PAUSE_FIRST 10
#define PAUSE_MAX 160

/* The least pace is that of a sample, a few of which are timed: bytes, index of
 * the level, how many pairs, and how much longer it takes with all processors at
 * work and tables that are larger than their caches. */
#define TIMED_BYTES (512u << 10)
#define TIMED_INDEX 5
#define TIMINGS 4
#define TIMED_SHORT 1.25

void adapt_level_init(struct adapt_level *l, int fixed, unsigned processors)
{
    *l = (struct adapt_level){
        .follows = fixed == 0,
        .fixed = fixed,
        .processors = processors,
        .index = FIRST,
        .pace = PACE_FIRST,
        .least_pace = PACE_MIN,
    };
}

int adapt_level_now(const struct adapt_level *l)
{
    return l->follows ? levels[l->index].level : l->fixed;
}

void adapt_level_in(struct adapt_level *l, uint64_t bytes)
{
    l->since += bytes;
}

static void set(struct adapt_level *l, unsigned index)
{
    l->index = index;
    l->since = 0;
}

/* Timing */

static double thread_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* The pace of one processor that has nothing else to do, or 0. */
static double time_sample(ZSTD_CCtx *c, const uint8_t *data, uint8_t *out,
                          size_t room)
{
    double before = thread_seconds();

    if (ZSTD_isError(ZSTD_compressCCtx(c, out, room, data, TIMED_BYTES,
                                       levels[TIMED_INDEX].level)))
        return 0;
    return (thread_seconds() - before) * (ADAPT_LEVEL_JOB_BYTES / TIMED_BYTES) /
        levels[TIMED_INDEX].seconds;
}

/* The same; of two samples, as the second one finds caches and memory ready.
 * What is compressed is this program, as the table is of programs. */
static double time_processor(void)
{
    size_t room = ZSTD_compressBound(TIMED_BYTES);
    ZSTD_CCtx *c = ZSTD_createCCtx();
    uint8_t *data = malloc(TIMED_BYTES), *out = malloc(room);
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    double pace = 0, again;

    if (c && data && out && fd >= 0 &&
        read(fd, data, TIMED_BYTES) == TIMED_BYTES) {
        pace = time_sample(c, data, out, room);
        again = time_sample(c, data, out, room);
        pace = again < pace ? again : pace;
    }
    if (fd >= 0)
        close(fd);
    free(data);
    free(out);
    ZSTD_freeCCtx(c);
    return pace;
}

static double bounded(const struct adapt_level *l, double pace)
{
    return pace > PACE_MAX ? PACE_MAX : pace < l->least_pace ? l->least_pace :
        pace;
}

void adapt_level_time(struct adapt_level *l)
{
    double pace;

    if (!l->follows || l->timings == TIMINGS)
        return;
    pace = time_processor() * TIMED_SHORT;
    if (l->timings++ == 0 || pace < l->least_pace)
        l->least_pace = pace < PACE_MIN ? PACE_MIN : pace;
    l->pace = bounded(l, l->pace);
}

/* Deciding */

/* The host may have more processors than we are given. */
static double share_above_cheap(const struct adapt_level *l,
                                const struct adapt_level_sample *s)
{
    double idle = s->idle / (s->seconds * l->processors);

    if (s->idle < 0)
        return SHARE;
    return SHARE_BUSY + SHARE_OF_IDLE * (idle < 1 ? idle : 1);
}

/* The highest level at which all processors together keep up with the line; but
 * for the highest ones, with a share of their time. */
static unsigned sustained(const struct adapt_level *l, const struct adapt_level_sample *s)
{
    double line = l->line_busy * JOB_OUT * l->processors / l->line_bytes;
    unsigned end = l->clock < l->not_before ? FAST + 1 : N_LEVELS;
    unsigned i, best = 0;
    double above_cheap = share_above_cheap(l, s), share;

    for (i = 1; i < end; i++) {
        share = i > FAST ? 1 : i > CHEAP ? above_cheap : SHARE;
        if (levels[i].seconds * l->pace <= line * share)
            best = i;
    }
    return best;
}

/* Everything waited for the compressor: that tells how long it takes, but for
 * content of which next to nothing remains, which no level makes faster. */
static void learn_pace(struct adapt_level *l, const struct adapt_level_sample *s)
{
    double in = (double)s->in / ADAPT_LEVEL_JOB_BYTES, out = s->out / JOB_OUT;
    double jobs = in * JOB_LEAST + (out < in ? out : in) * (1 - JOB_LEAST);
    double seconds = s->compressing * l->processors / jobs;

    if (out >= in * JOB_LEAST)
        l->pace = bounded(l, (l->pace +
                              seconds / levels[l->index].seconds) / 2);
}

/* Whether jobs of another level are under way. */
static bool is_mixed(const struct adapt_level *l)
{
    return l->since < (l->processors + 2) * (uint64_t)ADAPT_LEVEL_JOB_BYTES;
}

/* While the line is busy no level is too high, but those may be that take what
 * processors have other uses for. */
static void settle(struct adapt_level *l, const struct adapt_level_sample *s)
{
    unsigned least = l->index > CHEAP && l->index <= FAST ? CHEAP : l->index;
    unsigned best;

    l->pace -= (l->pace - l->least_pace) * PACE_FORGET;
    if (l->index > FAST && !is_mixed(l))
        l->pause = 0;
    best = sustained(l, s);
    if (best < least)
        best = least;
    if (best != l->index)
        set(l, best);
}

static void fall(struct adapt_level *l)
{
    if (l->index <= FAST) {
        set(l, l->index - 1);
        return;
    }
    l->pause = l->pause > 0 ? 2 * l->pause : PAUSE_FIRST;
    if (l->pause > PAUSE_MAX)
        l->pause = PAUSE_MAX;
    l->not_before = l->clock + l->pause;
    set(l, FAST);
}

bool adapt_level_is_due(const struct adapt_level *l, const struct adapt_level_sample *s)
{
    return l->follows && s->seconds >= LOOK_SECONDS && s->in >= LOOK_BYTES &&
        s->out > 0 && s->carried > 0;
}

bool adapt_level_decide(struct adapt_level *l, const struct adapt_level_sample *s)
{
    unsigned before = l->index;

    l->clock += s->seconds;
    l->line_busy = l->line_busy * LINE_KEEP + s->busy;
    l->line_bytes = l->line_bytes * LINE_KEEP + s->carried;
    if (s->waiting > LINE_LIMITS * s->seconds) {
        settle(l, s);
    } else if (s->compressing > WE_LIMIT * s->seconds &&
               s->busy < LINE_IDLE * s->seconds && l->index > 0) {
        if (s->compressing > ONLY_WE_LIMIT * s->seconds && !is_mixed(l))
            learn_pace(l, s);
        fall(l);
    }
    return l->index != before;
}
