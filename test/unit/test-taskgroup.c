/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of taskgroup.c: every job is done once, never more at a time than was
 * asked for, an error is told at once, and a crew may be left while it
 * works. */
#include "config.h"

#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

#include "test/unit/unit.h"

#include "plugin/base/taskgroup.h"

struct yard {
    atomic_uint done[32];
    atomic_uint at_work, most;
    int gate[2];                /* a pipe that one job waits for */
};

static int wait_for(const struct taskgroup *c, int milliseconds)
{
    struct pollfd pfd = { .fd = taskgroup_fd(c), .events = POLLIN };

    return poll(&pfd, 1, milliseconds);
}

static int work(void *opaque, unsigned number)
{
    struct yard *y = opaque;
    unsigned now = atomic_fetch_add(&y->at_work, 1) + 1;

    if (now > atomic_load(&y->most))
        atomic_store(&y->most, now);
    usleep(1000);
    atomic_fetch_add(&y->done[number], 1);
    atomic_fetch_sub(&y->at_work, 1);
    return 0;
}

static void all_are_done(void)
{
    unsigned count, at_once, i;
    struct taskgroup *c;

    for (count = 1; count <= 32; count += 7)
        for (at_once = 1; at_once <= 4; at_once++) {
            struct yard y = { 0 };

            assert(!taskgroup_start(&c, work, &y, count, at_once));
            assert(wait_for(c, 30000) == 1);
            assert(!taskgroup_leave(c));
            for (i = 0; i < 32; i++)
                assert(atomic_load(&y.done[i]) == (i < count));
            assert(atomic_load(&y.most) <= at_once);
        }
}

/* Job 1 fails, job 0 waits for us, job 2 waits for one of these. */
static int fail_or_wait(void *opaque, unsigned number)
{
    struct yard *y = opaque;
    char c;

    if (number == 1)
        return -EIO;
    if (number == 0)
        assert(read(y->gate[0], &c, 1) == 1);
    atomic_fetch_add(&y->done[number], 1);
    return 0;
}

static void an_error_ends_it(void)
{
    static struct yard y;
    struct taskgroup *c;

    assert(!pipe(y.gate));
    assert(!taskgroup_start(&c, fail_or_wait, &y, 3, 2));
    assert(wait_for(c, 30000) == 1);
    assert(taskgroup_leave(c) == -EIO);
    assert(write(y.gate[1], "x", 1) == 1);
    while (!atomic_load(&y.done[0]))
        usleep(1000);
    assert(!atomic_load(&y.done[2]));
}

static int only_wait(void *opaque, unsigned number)
{
    struct yard *y = opaque;

    atomic_fetch_add(&y->at_work, 1);
    return fail_or_wait(opaque, number * 2);
}

static void left_at_work(void)
{
    static struct yard y;
    struct taskgroup *c;

    assert(!pipe(y.gate));
    assert(!taskgroup_start(&c, only_wait, &y, 2, 1));
    while (!atomic_load(&y.at_work))
        usleep(1000);
    assert(wait_for(c, 0) == 0);
    assert(taskgroup_leave(c) == -EINPROGRESS);
    assert(write(y.gate[1], "x", 1) == 1);
    while (!atomic_load(&y.done[0]))
        usleep(1000);
    usleep(20000);
    assert(!atomic_load(&y.done[2]));
}

int main(void)
{
    RUN(all_are_done);
    RUN(an_error_ends_it);
    RUN(left_at_work);
    return 0;
}
