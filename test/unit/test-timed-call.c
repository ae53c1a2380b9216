/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plugin/base/timed_call.c: a call that comes back, and one that hangs. */
#include "config.h"

#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "plugin/base/timed_call.h"

struct work {
    int wait_fd, drop_fd;       /* -1: does not wait */
    bool done;
};

static void work(void *opaque)
{
    struct work *w = opaque;
    char byte;

    if (w->wait_fd >= 0)
        assert(read(w->wait_fd, &byte, 1) == 1);
    w->done = true;
}

static void drop(void *opaque)
{
    struct work *w = opaque;

    assert(w->done);
    assert(write(w->drop_fd, "x", 1) == 1);
    free(w);
}

static struct work *work_new(int wait_fd, int drop_fd)
{
    struct work *w = calloc(1, sizeof(*w));

    assert(w);
    w->wait_fd = wait_fd;
    w->drop_fd = drop_fd;
    return w;
}

int main(void)
{
    int hold[2], dropped[2];
    struct work *w = work_new(-1, -1);
    char byte;

    assert(!pipe(hold) && !pipe(dropped));
    assert(!timed_call(work, drop, w, 60000));
    assert(w->done);
    free(w);

    w = work_new(hold[0], dropped[1]);
    assert(timed_call(work, drop, w, 20) == -ETIMEDOUT);
    /* It hangs, and what it works on is still its own. */
    assert(!w->done);
    assert(write(hold[1], "x", 1) == 1);
    assert(read(dropped[0], &byte, 1) == 1);
    return 0;
}
