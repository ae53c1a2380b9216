/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The level of compression that a link is worth; see adapt_level.h. */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "plugin/wire/adapt_level.h"

/* What the levels are for, and what they may take: */
enum range {
    CHEAP,                      /* little, and a busy host can spare it */
    FAST,                       /* more, to save a little more */
    SLOW,                       /* ten times that, to save much more */
};

/* The share of the processors' time that compressing may take: the disk has to
 * be read and hashed meanwhile, and the host has other guests.  In the fast
 * range it grows with the share of that time in which processors are idle.
 * Only what hardly keeps a line busy is worth all of it. */
static const struct {
    double least;
    double of_idle;             /* of the idle share, on top of least */
    double unknown;             /* if that is not known */
} budgets[] = {
    [CHEAP] = { 0.25, 0, 0.25 },
    [FAST] = { 0.125, 0.5, 0.25 },
    [SLOW] = { 1, 0, 1 },
};

/* Rows of the table below. */
#define TIMED 5                 /* what a processor is timed with */
#define FIRST 7                 /* what we begin with: the lowest level at which
                                   zstd chooses its faster way of searching (by
                                   rows), as it does so once, for all levels to
                                   come */

/* The levels that follow the link, and the seconds in which one processor
 * compressed a job of programs, which leaves JOB_OUT bytes.  The levels from 10
 * to 15 save one byte in a hundred more than 9 and take up to ten times as
 * long; 19 saves what 18 does. */
static const struct {
    int level;
    enum range range;
    double seconds;
} levels[] = {
    { -10, CHEAP, 0.010 },
    { -5, CHEAP, 0.012 },
    { -2, CHEAP, 0.014 },
    { 1, CHEAP, 0.016 },
    { 2, CHEAP, 0.018 },
    [TIMED] = { 3, FAST, 0.024 },
    { 4, FAST, 0.033 },
    [FIRST] = { 5, FAST, 0.050 },
    { 6, FAST, 0.058 },
    { 7, FAST, 0.080 },
    { 9, FAST, 0.090 },
    { 16, SLOW, 1.2 },
    { 17, SLOW, 1.4 },
    { 18, SLOW, 1.5 },
};
#define N_LEVELS (sizeof(levels) / sizeof(levels[0]))
#define JOB_OUT (ADAPT_LEVEL_JOB_BYTES * 0.3)

/* A job of content that compresses better takes less time, but not less than
 * this part of it. */
#define JOB_LEAST 0.15

/* A decision is due after this much of both. */
#define DUE_SECONDS 0.25
#define DUE_BYTES ADAPT_LEVEL_JOB_BYTES

/* The line is the bottleneck if we have waited for it for so much of the
 * time. */
#define LINE_BOUND 0.6

/* We are the bottleneck if we have compressed for so much of the time while the
 * line was busy for less than that; and if we did hardly anything else, the
 * slowdown is learned as well. */
#define WE_BOUND 0.5
#define LINE_FULL 0.9
#define ONLY_WE 0.85

/* What remains of the line's former rate with every decision: the line is not
 * always the same, and other frames take it, too. */
#define LINE_KEEP 0.75

/* The slowdown.  What it has more than the least is forgotten by and by while
 * the line is the bottleneck, so that higher levels are tried again. */
#define SLOWDOWN_FIRST 1.25
#define SLOWDOWN_MAX 8
#define SLOWDOWN_MIN 0.5
#define SLOWDOWN_FORGET 0.2

/* The least slowdown is the lowest of several timings.  With all processors at
 * work, and tables that are larger than their caches, compressing takes longer
 * than a timing does. */
#define TIMINGS 4
#define TIMED_BYTES (512u << 10)
#define TIMED_ALONE 1.25

/* Seconds before slow levels that did not keep up are tried again, twice as
 * long after every try in vain. */
#define PAUSE_FIRST 10
#define PAUSE_MAX 160

void adapt_level_init(struct adapt_level *l, int fixed, unsigned processors)
{
    *l = (struct adapt_level){
        .follows = fixed == 0,
        .fixed = fixed,
        .processors = processors,
        .index = FIRST,
        .slowdown = SLOWDOWN_FIRST,
        .least_slowdown = SLOWDOWN_MIN,
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

static enum range range_now(const struct adapt_level *l)
{
    return levels[l->index].range;
}

/* The highest row of a range. */
static unsigned top_of(enum range range)
{
    unsigned i = N_LEVELS - 1;

    while (levels[i].range > range)
        i--;
    return i;
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

/* What is compressed is this program, as the table is of programs; NULL: it
 * cannot be read. */
static uint8_t *program;

static void read_program(void)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    program = fd >= 0 ? malloc(TIMED_BYTES) : NULL;
    if (program && read(fd, program, TIMED_BYTES) != TIMED_BYTES) {
        free(program);
        program = NULL;
    }
    if (fd >= 0)
        close(fd);
}

void adapt_level_prepare(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, read_program);
}

/* The slowdown of one processor that has nothing else to do, or 0. */
static double time_sample(ZSTD_CCtx *c, const uint8_t *data, uint8_t *out,
                          size_t room)
{
    double before = thread_seconds();

    if (ZSTD_isError(ZSTD_compressCCtx(c, out, room, data, TIMED_BYTES,
                                       levels[TIMED].level)))
        return 0;
    return (thread_seconds() - before) *
        ((double)ADAPT_LEVEL_JOB_BYTES / TIMED_BYTES) / levels[TIMED].seconds;
}

/* The same; of two samples, as the second one finds caches and memory
 * ready. */
static double time_processor(void)
{
    size_t room = ZSTD_compressBound(TIMED_BYTES);
    ZSTD_CCtx *c = ZSTD_createCCtx();
    uint8_t *out = malloc(room);
    double slowdown = 0, again;

    adapt_level_prepare();
    if (c && program && out) {
        slowdown = time_sample(c, program, out, room);
        again = time_sample(c, program, out, room);
        slowdown = again < slowdown ? again : slowdown;
    }
    free(out);
    ZSTD_freeCCtx(c);
    return slowdown;
}

static double bounded(const struct adapt_level *l, double slowdown)
{
    if (slowdown > SLOWDOWN_MAX)
        return SLOWDOWN_MAX;
    return slowdown < l->least_slowdown ? l->least_slowdown : slowdown;
}

void adapt_level_time(struct adapt_level *l)
{
    double slowdown;

    if (!l->follows || l->timings == TIMINGS)
        return;
    slowdown = time_processor() * TIMED_ALONE;
    if (l->timings++ == 0 || slowdown < l->least_slowdown)
        l->least_slowdown = slowdown < SLOWDOWN_MIN ? SLOWDOWN_MIN : slowdown;
    l->slowdown = bounded(l, l->slowdown);
}

/* Deciding */

/* The share of the processors' time for levels of this range.  The host may
 * have more processors than we are given, so more may be idle than all of
 * ours. */
static double budget(const struct adapt_level *l,
                     const struct adapt_level_sample *s, enum range range)
{
    double idle = s->idle / (s->seconds * l->processors);

    if (s->idle < 0)
        return budgets[range].unknown;
    return budgets[range].least +
        budgets[range].of_idle * (idle < 1 ? idle : 1);
}

/* The highest level at which the processors keep up with the line within their
 * budget, or the lowest one. */
static unsigned highest_affordable(const struct adapt_level *l,
                                   const struct adapt_level_sample *s)
{
    /* Processor time while the line takes what is left of a job. */
    double time = l->line_busy * JOB_OUT * l->processors / l->line_bytes;
    unsigned i, best = 0;

    for (i = 1; i < N_LEVELS; i++)
        if ((levels[i].range < SLOW || l->clock >= l->not_before) &&
            levels[i].seconds * l->slowdown <=
            time * budget(l, s, levels[i].range))
            best = i;
    return best;
}

/* Everything waited for the compressor: that tells how long it takes, except
 * for content of which next to nothing remains, which no level makes faster. */
static void learn_slowdown(struct adapt_level *l,
                           const struct adapt_level_sample *s)
{
    double in = (double)s->in / ADAPT_LEVEL_JOB_BYTES, out = s->out / JOB_OUT;
    double jobs = in * JOB_LEAST + (out < in ? out : in) * (1 - JOB_LEAST);
    double seconds = s->compressing * l->processors / jobs;

    if (out >= in * JOB_LEAST)
        l->slowdown = bounded(l, (l->slowdown +
                                  seconds / levels[l->index].seconds) / 2);
}

/* Whether jobs of another level are under way. */
static bool is_mixed(const struct adapt_level *l)
{
    return l->since < (l->processors + 2) * (uint64_t)ADAPT_LEVEL_JOB_BYTES;
}

/* The line is the bottleneck: no level is too high for it.  Levels of the fast
 * range may still take what processors have other uses for; then the level goes
 * back to the cheap range. */
static void follow_line(struct adapt_level *l,
                        const struct adapt_level_sample *s)
{
    unsigned least = range_now(l) == FAST ? top_of(CHEAP) : l->index, best;

    l->slowdown -= (l->slowdown - l->least_slowdown) * SLOWDOWN_FORGET;
    if (range_now(l) == SLOW && !is_mixed(l))
        l->pause = 0;
    best = highest_affordable(l, s);
    if (best < least)
        best = least;
    if (best != l->index)
        set(l, best);
}

/* We are the bottleneck: the next lower level, or, from the slow range, the
 * highest fast one, and a pause before the slow ones are tried again. */
static void step_down(struct adapt_level *l)
{
    if (range_now(l) != SLOW) {
        set(l, l->index - 1);
        return;
    }
    l->pause = l->pause > 0 ? 2 * l->pause : PAUSE_FIRST;
    if (l->pause > PAUSE_MAX)
        l->pause = PAUSE_MAX;
    l->not_before = l->clock + l->pause;
    set(l, top_of(FAST));
}

bool adapt_level_is_due(const struct adapt_level *l,
                        const struct adapt_level_sample *s)
{
    return l->follows && s->seconds >= DUE_SECONDS && s->in >= DUE_BYTES &&
        s->out > 0 && s->carried > 0;
}

bool adapt_level_decide(struct adapt_level *l,
                        const struct adapt_level_sample *s)
{
    unsigned before = l->index;

    l->clock += s->seconds;
    l->line_busy = l->line_busy * LINE_KEEP + s->busy;
    l->line_bytes = l->line_bytes * LINE_KEEP + s->carried;
    if (s->waiting > LINE_BOUND * s->seconds) {
        follow_line(l, s);
    } else if (s->compressing > WE_BOUND * s->seconds &&
               s->busy < LINE_FULL * s->seconds && l->index > 0) {
        if (s->compressing > ONLY_WE * s->seconds && !is_mixed(l))
            learn_slowdown(l, s);
        step_down(l);
    }
    return l->index != before;
}
