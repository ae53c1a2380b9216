/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of adapt_effort.c against a made-up machine, which has a speed and
 * a size for each level, a speed of the line, and one of what xl gives.  The
 * level that moves the stream fastest must be in use most of the time, and
 * found again when the line changes.
 */
#include "config.h"

#include "test/unit/unit.h"

#include "plugin/memory/adapt_effort.h"

#define BATCH (256u << 10)

/* By level: bytes of content a second, and bytes on the wire per byte. */
static const double speed[] = { 100e6, 250e6, 1000e6 };
static const double size[] = { 0.4, 0.5, 1.0 };

struct machine {
    struct adapt_effort effort;
    struct adapt_effort_sample now;
    double line;                /* bytes a second */
    double xl;
    double cpu;                 /* speed, 1: as above */
    double buffer;              /* bytes that are taken without a wait */
    double queued;
    unsigned used[3];           /* batches sent at each level */
};

static void init(struct machine *m, double line, double xl, double buffer)
{
    memset(m, 0, sizeof(*m));
    m->line = line;
    m->xl = xl;
    m->cpu = 1;
    m->buffer = buffer;
    adapt_effort_init(&m->effort, &m->now);
}

/* The line goes on sending what is queued. */
static void pass(struct machine *m, double seconds)
{
    m->now.now += seconds;
    m->queued -= m->line * seconds;
    if (m->queued < 0)
        m->queued = 0;
}

/* Sends batches for a number of seconds, one after the other. */
static void run(struct machine *m, double seconds)
{
    double end = m->now.now + seconds, work, give, wait;
    int level;

    memset(m->used, 0, sizeof(m->used));
    while (m->now.now < end) {
        level = m->effort.level;
        work = BATCH / speed[level] / m->cpu;
        give = BATCH / m->xl;
        /* packing, sending and giving go on at the same time */
        m->now.xl += give > work ? give - work : 0;
        pass(m, give > work ? give : work);
        m->queued += BATCH * size[level];
        m->now.sent += BATCH * size[level];
        if (m->queued > m->buffer) {
            wait = (m->queued - m->buffer) / m->line;
            m->now.line += wait;
            pass(m, wait);
        }
        m->now.queued = m->queued;
        m->used[level]++;
        adapt_effort_sent(&m->effort, BATCH, &m->now);
    }
}

static unsigned percent(const struct machine *m, int level)
{
    return 100 * m->used[level] / (m->used[0] + m->used[1] + m->used[2]);
}

static void slow_line(void)
{
    struct machine m;

    init(&m, 1.25e6, 1e9, BATCH);
    run(&m, 600);
    assert(percent(&m, EFFORT_FULL) == 100);
}

/* What buffers take at first must not look like a fast line. */
static void slow_line_behind_buffers(void)
{
    struct machine m;

    init(&m, 1.25e6, 1e9, 6e6);
    m.cpu = 0.05;
    run(&m, 600);
    assert(percent(&m, EFFORT_FULL) == 100);
}

static void fast_line(void)
{
    struct machine m;

    init(&m, 1.25e9, 2e9, BATCH);
    run(&m, 10);
    run(&m, 60);
    assert(percent(&m, EFFORT_CHEAP) > 90);
}

/* 1 Gbit/s: between the extremes. */
static void middle(void)
{
    struct machine m;

    init(&m, 119e6, 2e9, BATCH);
    run(&m, 10);
    run(&m, 60);
    /* the second level moves 238 MB/s, the first 100, the last 119 */
    assert(percent(&m, EFFORT_FAST) > 80);
}

static void line_changes(void)
{
    struct machine m;

    init(&m, 1.25e9, 2e9, BATCH);
    run(&m, 60);
    m.line = 1.25e6;
    run(&m, 60);
    run(&m, 300);
    assert(percent(&m, EFFORT_FULL) > 80);
    m.line = 1.25e9;
    run(&m, 60);
    run(&m, 60);
    assert(percent(&m, EFFORT_CHEAP) > 80);
}

/* xl gives little: nothing to gain by doing less. */
static void slow_xl(void)
{
    struct machine m;

    init(&m, 1.25e9, 30e6, BATCH);
    run(&m, 60);
    assert(percent(&m, EFFORT_FULL) == 100);
}

int main(void)
{
    RUN(slow_line);
    RUN(slow_line_behind_buffers);
    RUN(fast_line);
    RUN(middle);
    RUN(line_changes);
    RUN(slow_xl);
    return 0;
}
