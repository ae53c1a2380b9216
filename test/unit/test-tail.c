/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of tail.c: however the memory stream is cut, its last 4096 bytes
 * are held back until the release, and all of it comes out in order.
 */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include "test/unit/unit.h"

#include "plugin/xl/tail.h"

#define TOTAL (3 * PROTO_HOLD_BYTES + 100)

static uint8_t stream[TOTAL], out[TOTAL];

/* What is in the pipe now. */
static size_t drain(int fd)
{
    ssize_t n = read(fd, out, sizeof(out));

    return n < 0 ? 0 : n;
}

static void open_pipe(int fds[2])
{
    assert(!pipe(fds));
    assert(!fcntl(fds[0], F_SETFL, O_NONBLOCK));
}

/* Feeds total bytes, first in one write and then in steps, and looks after
 * every one. */
static void feed(size_t total, size_t first, size_t step)
{
    size_t fed = 0, came = 0, n, want;
    struct tail h;
    int fds[2];

    open_pipe(fds);
    tail_init(&h, fds[1]);
    while (fed < total) {
        n = fed ? step : first;
        if (n > total - fed)
            n = total - fed;
        assert(!tail_memory(&h, stream + fed, n));
        fed += n;
        n = drain(fds[0]);
        assert(!memcmp(out, stream + came, n));
        came += n;
        want = fed > PROTO_HOLD_BYTES ? fed - PROTO_HOLD_BYTES : 0;
        assert(came == want);
        assert(tail_memory_bytes(&h) == fed);
    }
    assert(!tail_release(&h));
    n = drain(fds[0]);
    assert(came + n == total && !memcmp(out, stream + came, n));
    tail_close(&h);
    assert(drain(fds[0]) == 0);
    close(fds[0]);
}

static void every_split(void)
{
    size_t first;

    /* two writes, at every border */
    for (first = 1; first < TOTAL; first++)
        feed(TOTAL, first, TOTAL);
    /* many small ones */
    for (first = 1; first < PROTO_HOLD_BYTES; first += 511) {
        feed(TOTAL, 1, first);
        feed(TOTAL, first, 7 * first + 1);
    }
    feed(TOTAL, PROTO_HOLD_BYTES, PROTO_HOLD_BYTES);
}

static void short_streams(void)
{
    feed(1, 1, 1);
    feed(PROTO_HOLD_BYTES - 1, 1000, 1000);
    feed(PROTO_HOLD_BYTES, 1000, 1000);
    feed(PROTO_HOLD_BYTES + 1, 1000, 1000);
}

static void handshake_passes(void)
{
    struct tail h;
    int fds[2];

    open_pipe(fds);
    tail_init(&h, fds[1]);
    assert(!tail_pass(&h, "config", 6));
    assert(drain(fds[0]) == 6 && !memcmp(out, "config", 6));
    assert(!tail_memory(&h, stream, 100));
    assert(drain(fds[0]) == 0);
    assert(!tail_release(&h));
    assert(drain(fds[0]) == 100);
    /* the stream is over, the handshake is not */
    assert(tail_memory(&h, stream, 1) == -EPROTO);
    assert(drain(fds[0]) == 0);
    assert(!tail_pass(&h, "go", 2));
    assert(drain(fds[0]) == 2);
    tail_close(&h);
    tail_close(&h);
    close(fds[0]);
}

static void dropped_when_closed(void)
{
    struct tail h;
    int fds[2];

    open_pipe(fds);
    tail_init(&h, fds[1]);
    assert(!tail_memory(&h, stream, 5000));
    assert(drain(fds[0]) == 5000 - PROTO_HOLD_BYTES);
    tail_close(&h);
    assert(read(fds[0], out, 1) == 0);
    close(fds[0]);
}

static void xl_is_gone(void)
{
    struct tail h;
    int fds[2];

    open_pipe(fds);
    close(fds[0]);
    tail_init(&h, fds[1]);
    assert(!tail_memory(&h, stream, 100));
    assert(tail_release(&h) == -EPIPE);
    tail_close(&h);
    open_pipe(fds);
    close(fds[0]);
    tail_init(&h, fds[1]);
    assert(tail_memory(&h, stream, TOTAL) == -EPIPE);
    assert(tail_pass(&h, "x", 1) == -EPIPE);
    tail_close(&h);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    noise(stream, sizeof(stream), 4);
    RUN(every_split);
    RUN(short_streams);
    RUN(handshake_passes);
    RUN(dropped_when_closed);
    RUN(xl_is_gone);
    return 0;
}
