/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of adapt_level.c against a made-up machine of two processors: a job
 * takes its time at each level, times what the machine is slower, and the line
 * has its rate.  The line must be kept busy, by a level that is worth it.
 */
#include "config.h"

#include "test/unit/unit.h"

#include "plugin/wire/adapt_level.h"

#define PROCESSORS 2
#define JOB_OUT (ADAPT_LEVEL_JOB_BYTES * 0.3)

struct machine {
    struct adapt_level level;
    struct adapt_level_sample sample;
    double slow;
    double line;                /* bytes a second */
    double others;              /* share of the processors that others use */
    double idle;                /* seconds of the line's */
    double high;                /* seconds at levels above 9 */
    int lowest, highest;
};

/* Of one processor, for a job. */
static double seconds_of(int level)
{
    return level < 1 ? 0.012 : level < 5 ? 0.025 : level < 10 ? 0.08 : 1.4;
}

static void init(struct machine *m, double line, double slow)
{
    memset(m, 0, sizeof(*m));
    m->line = line;
    m->slow = slow;
    adapt_level_init(&m->level, 0, PROCESSORS);
}

/* The compressor and the line work side by side. */
static double run_job(struct machine *m)
{
    struct adapt_level_sample *s = &m->sample;
    double work = seconds_of(adapt_level_now(&m->level)) * m->slow / PROCESSORS;
    double send = JOB_OUT / m->line, all = work > send ? work : send;

    s->seconds += all;
    s->compressing += work;
    s->waiting += all - work;
    s->busy += send;
    s->carried += JOB_OUT;
    s->in += ADAPT_LEVEL_JOB_BYTES;
    s->out += JOB_OUT;
    s->idle += (all - work) * PROCESSORS * (1 - m->others);
    adapt_level_in(&m->level, ADAPT_LEVEL_JOB_BYTES);
    m->idle += all - send;
    if (adapt_level_now(&m->level) > 9)
        m->high += all;
    if (adapt_level_is_due(&m->level, s)) {
        adapt_level_decide(&m->level, s);
        memset(s, 0, sizeof(*s));
    }
    return all;
}

static void run(struct machine *m, double seconds)
{
    double done = 0;
    int level;

    m->idle = m->high = 0;
    m->lowest = m->highest = adapt_level_now(&m->level);
    while (done < seconds) {
        done += run_job(m);
        level = adapt_level_now(&m->level);
        m->lowest = level < m->lowest ? level : m->lowest;
        m->highest = level > m->highest ? level : m->highest;
    }
}

static void very_slow_line(void)
{
    struct machine m;

    init(&m, 0.25e6, 1);
    run(&m, 60);
    run(&m, 600);
    assert(m.lowest == 18 && m.idle == 0);
}

/* 100 Mbit/s */
static void middle(void)
{
    struct machine m;

    init(&m, 12.5e6, 1);
    run(&m, 5);
    run(&m, 60);
    assert(m.lowest >= 5 && m.highest == 9 && m.idle < 3);
}

/* The same, but somebody else has something to do: the line is kept busy all the
 * same, at levels that take little; and at those that save much, as before. */
static void busy_processors(void)
{
    struct machine m;

    init(&m, 12.5e6, 1);
    m.level.least_slowdown = 1;
    m.others = 1;
    run(&m, 5);
    run(&m, 60);
    assert(m.lowest >= 1 && m.highest <= 4 && m.idle < 3);
    m.others = 0;
    run(&m, 5);
    run(&m, 60);
    assert(m.lowest >= 5);

    init(&m, 0.25e6, 1);
    m.others = 1;
    run(&m, 60);
    run(&m, 600);
    assert(m.lowest == 18);
}

static void fast_line(void)
{
    struct machine m;

    init(&m, 1.25e9, 1);
    run(&m, 10);
    run(&m, 60);
    assert(m.highest == -10);
}

/* The highest levels do not keep up with 25 Mbit/s here, and are tried in vain
 * for little of the time; not at all, if it is known how slow we are. */
static void slow_processors(void)
{
    struct machine m;

    init(&m, 3.1e6, 4);
    run(&m, 30);
    run(&m, 600);
    assert(m.high < 120 && m.idle < 120);

    init(&m, 3.1e6, 4);
    m.level.least_slowdown = 4;
    run(&m, 600);
    assert(m.high == 0 && m.idle < 1);
}

static void line_changes(void)
{
    struct machine m;

    init(&m, 1.25e9, 1);
    run(&m, 10);
    m.line = 0.25e6;
    run(&m, 120);
    run(&m, 60);
    assert(m.lowest == 18);
    m.line = 1.25e9;
    run(&m, 60);
    run(&m, 10);
    assert(m.highest == -10);
}

/* Next to nothing remains of it, and the line is idle whatever we do: what comes
 * next must not suffer for it. */
static void content_that_vanishes(void)
{
    struct machine m;
    unsigned i;

    init(&m, 12.5e6, 1);
    run(&m, 10);
    for (i = 0; i < 10; i++) {
        m.sample = (struct adapt_level_sample){
            .seconds = 0.3, .compressing = 0.3, .busy = 0.01,
            .carried = 100000, .in = 30000000, .out = 100000, .idle = -1
        };
        adapt_level_decide(&m.level, &m.sample);
    }
    memset(&m.sample, 0, sizeof(m.sample));
    run(&m, 1);
    run(&m, 5);
    assert(m.lowest >= 5);
}

static void fixed(void)
{
    struct machine m;

    init(&m, 1.25e9, 1);
    adapt_level_init(&m.level, 19, PROCESSORS);
    run(&m, 60);
    assert(m.lowest == 19 && m.highest == 19);
}

/* What it takes here is not known, but that it is something. */
static void timing(void)
{
    struct adapt_level l;
    unsigned i;

    adapt_level_init(&l, 0, PROCESSORS);
    for (i = 0; i < 10; i++)
        adapt_level_time(&l);
    assert(l.least_slowdown > 0 && l.slowdown >= l.least_slowdown && l.timings < 10);
}

int main(void)
{
    RUN(very_slow_line);
    RUN(middle);
    RUN(busy_processors);
    RUN(fast_line);
    RUN(slow_processors);
    RUN(line_changes);
    RUN(content_that_vanishes);
    RUN(fixed);
    RUN(timing);
    return 0;
}
