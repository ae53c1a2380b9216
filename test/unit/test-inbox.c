/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of inbox.c: queues of disks, what is watched, and the end. */
#include "config.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/unit/unit.h"

#include "plugin/base/clock.h"
#include "plugin/base/log.h"
#include "plugin/proto.h"
#include "plugin/wire/inbox.h"

/* Both ends of a session; the peer only sends. */
struct pair {
    struct wire *wire, *peer;
    struct inbox *inbox;
};

static void pair_open(struct pair *p)
{
    struct wire_options options = { 0 };
    int ends[2];

    assert(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    assert(!wire_new(&p->wire, ends[0], ends[0], &options));
    assert(!wire_new(&p->peer, ends[1], ends[1], &options));
    assert(!inbox_start(&p->inbox, p->wire, "peer", NULL, NULL));
}

static void say(struct pair *p, uint16_t type, uint16_t disk,
                const char *text)
{
    assert(!wire_send(p->peer, type, disk, text, strlen(text)));
}

static void hear(struct pair *p, uint16_t disk, const char *text)
{
    struct frame f;

    assert(!inbox_next(p->inbox, disk, &f));
    assert(f.length == strlen(text) && !memcmp(f.data, text, f.length));
    frame_release(&f);
}

static void each_disk_its_own(void)
{
    struct pair p;
    struct frame f;

    pair_open(&p);
    say(&p, FRAME_WANT, 1, "before");
    hear(&p, PROTO_NO_DISK, "before");
    assert(!inbox_split(p.inbox, 2));
    say(&p, FRAME_WANT, 0, "a");
    say(&p, FRAME_WANT, 1, "b");
    say(&p, FRAME_WANT, 2, "no such disk");
    say(&p, FRAME_WANT, 1, "c");
    say(&p, FRAME_ALIVE, PROTO_NO_DISK, "");
    say(&p, FRAME_RESTORING, PROTO_NO_DISK, "d");
    hear(&p, 1, "b");
    hear(&p, 1, "c");
    hear(&p, PROTO_NO_DISK, "no such disk");
    hear(&p, PROTO_NO_DISK, "d");
    hear(&p, 0, "a");
    assert(inbox_try(p.inbox, 0, &f) == -EAGAIN);
    wire_free(p.peer);
}

/* The reason that the peer gives counts more than what it sent before. */
static void out_of_place(void)
{
    struct pair p;
    struct frame f;

    pair_open(&p);
    say(&p, FRAME_PLACED, PROTO_NO_DISK, "");
    assert(!inbox_next(p.inbox, PROTO_NO_DISK, &f));
    assert(inbox_misplaced(p.inbox, &f) == -EPROTO);
    frame_release(&f);
    pair_open(&p);
    say(&p, FRAME_PLACED, PROTO_NO_DISK, "");
    say(&p, FRAME_FAIL, PROTO_NO_DISK, "the reason");
    while (!inbox_over(p.inbox))
        sched_yield();
    assert(inbox_expect(p.inbox, PROTO_NO_DISK, FRAME_RESTORING, &f) ==
           -ECONNABORTED);
    assert(!strcmp(proto_name(FRAME_PLACED), "PLACED"));
    assert(!strcmp(proto_name(FRAME_ALIVE), "ALIVE"));
    assert(!strcmp(proto_name(4711), "an unknown frame"));
}

/* Everybody who waits is told, as often as he asks. */
static void the_end_is_for_all(void)
{
    struct pair p;
    struct frame f;
    unsigned i;

    pair_open(&p);
    assert(!inbox_split(p.inbox, 2));
    say(&p, FRAME_WANT, 1, "last");
    say(&p, FRAME_FAIL, PROTO_NO_DISK, "no more");
    for (i = 0; i < 3; i++) {
        assert(inbox_next(p.inbox, 0, &f) == -ECONNABORTED);
        assert(inbox_next(p.inbox, PROTO_NO_DISK, &f) == -ECONNABORTED);
    }
    hear(&p, 1, "last");
    assert(inbox_next(p.inbox, 1, &f) == -ECONNABORTED);

    pair_open(&p);
    assert(!inbox_split(p.inbox, 1));
    wire_free(p.peer);
    assert(inbox_next(p.inbox, 0, &f) == -EPIPE);
    assert(inbox_next(p.inbox, PROTO_NO_DISK, &f) == -EPIPE);

    /* also who comes later */
    pair_open(&p);
    wire_free(p.peer);
    assert(inbox_next(p.inbox, PROTO_NO_DISK, &f) == -EPIPE);
    assert(!inbox_split(p.inbox, 1));
    assert(inbox_next(p.inbox, 0, &f) == -EPIPE);
}

static void watches(void)
{
    struct pair p;
    struct frame f;
    int pipe_ends[2];

    pair_open(&p);
    assert(!pipe(pipe_ends));
    inbox_watch(p.inbox, pipe_ends[0], POLLIN);
    assert(inbox_wait(p.inbox, inbox_fd(p.inbox), 10) == -EAGAIN);
    assert(write(pipe_ends[1], "x", 1) == 1);
    assert(inbox_next(p.inbox, PROTO_NO_DISK, &f) == -ECANCELED);
    assert(inbox_wait(p.inbox, inbox_fd(p.inbox), -1) == -ECANCELED);
    /* a frame comes first */
    say(&p, FRAME_WANT, 0, "frame");
    while (inbox_wait(p.inbox, inbox_fd(p.inbox), -1) == -ECANCELED)
        usleep(1000);
    hear(&p, PROTO_NO_DISK, "frame");
    inbox_watch(p.inbox, -1, 0);
    assert(inbox_wait(p.inbox, inbox_fd(p.inbox), 10) == -EAGAIN);
    wire_free(p.peer);
}

/* A frame may come at any moment of the wait for it. */
static void at_any_moment(void)
{
    struct pair p;
    unsigned i, j;

    pair_open(&p);
    for (i = 0; i < 20000; i++) {
        say(&p, FRAME_WANT, 0, "x");
        for (j = 0; j < i % 101; j++)
            sched_yield();
        hear(&p, PROTO_NO_DISK, "x");
    }
    wire_free(p.peer);
}

static void *send_much(void *opaque)
{
    static char megabyte[1 << 20];
    struct pair *p = opaque;
    unsigned i;

    for (i = 0; i < 40; i++)
        assert(!wire_send(p->peer, FRAME_WANT, 0, megabyte,
                          sizeof(megabyte)));
    wire_send(p->peer, FRAME_FAIL, PROTO_NO_DISK, "late", 4);
    return NULL;
}

/* More than the queues hold waits in the wire, and is not waited for by who
 * only wants to know why it ends. */
static void full_queues(void)
{
    pthread_t thread;
    struct pair p;
    struct frame f;
    unsigned i;

    pair_open(&p);
    assert(!inbox_split(p.inbox, 1));
    assert(!pthread_create(&thread, NULL, send_much, &p));
    for (i = 0; i < 40; i++) {
        assert(!inbox_next(p.inbox, 0, &f));
        assert(f.length == 1 << 20);
        frame_release(&f);
    }
    assert(inbox_next(p.inbox, 0, &f) == -ECONNABORTED);
    assert(!pthread_join(thread, NULL));

    pair_open(&p);
    assert(!inbox_split(p.inbox, 1));
    assert(!pthread_create(&thread, NULL, send_much, &p));
    assert(!inbox_next(p.inbox, 0, &f));
    frame_release(&f);
    inbox_explain(p.inbox, -EPIPE);
    assert(!pthread_join(thread, NULL));
}

/* A peer that takes nothing any more, but does not leave. */
static void never_ends(void)
{
    struct pair p;

    pair_open(&p);
    assert(!inbox_over(p.inbox));
    inbox_explain(p.inbox, -EPIPE);
    assert(!inbox_over(p.inbox));
    wire_free(p.peer);
    while (!inbox_over(p.inbox))
        usleep(1000);
}

#define LIMIT 2         /* seconds */

struct talker {
    struct pair p;
    bool works;             /* and then answers */
    atomic_bool stop;
};

static void *talk(void *opaque)
{
    struct talker *t = opaque;
    double until = monotonic_seconds() + 2 * LIMIT;
    uint8_t worked[8] = { 1 };

    while (!atomic_load(&t->stop)) {
        assert(!wire_send(t->p.peer, FRAME_ALIVE, PROTO_NO_DISK, worked, 8));
        worked[1] += t->works;
        if (t->works && monotonic_seconds() > until)
            break;
        usleep(10000);
    }
    say(&t->p, FRAME_PLACED, 0, "done");
    return NULL;
}

static int ask(bool works)
{
    struct talker t = { .works = works };
    pthread_t thread;
    struct frame f;
    int rc;

    pair_open(&t.p);
    assert(!inbox_split(t.p.inbox, 2));
    inbox_limit(t.p.inbox, LIMIT);
    assert(!pthread_create(&thread, NULL, talk, &t));
    rc = inbox_await(t.p.inbox, 0, "do its work", &f);
    if (!rc)
        frame_release(&f);
    atomic_store(&t.stop, true);
    pthread_join(thread, NULL);
    wire_free(t.p.peer);
    return rc;
}

/* A peer that works may take longer than the limit, one that only is alive may
 * not. */
static void gets_on_or_not(void)
{
    assert(ask(false) == -ETIME);
    assert(ask(true) == 0);
}

int main(void)
{
    RUN(each_disk_its_own);
    RUN(out_of_place);
    RUN(the_end_is_for_all);
    RUN(watches);
    RUN(at_any_moment);
    RUN(full_queues);
    RUN(never_ends);
    RUN(gets_on_or_not);
    return 0;
}
