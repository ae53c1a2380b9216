/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes over two file descriptors; see line.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/proto.h"
#include "plugin/wire/line.h"

/* With a cap, bytes are written in pieces that may take this many seconds. */
#define CAP_SLICE 0.05

static void set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags >= 0)
        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void line_init(struct line *l, int in_fd, int out_fd, unsigned timeout,
               uint64_t bytes_per_second)
{
    *l = (struct line){ .in_fd = in_fd, .out_fd = out_fd, .watch_fd = -1,
                        .timeout = timeout,
                        .bytes_per_second = bytes_per_second };
    set_nonblocking(in_fd);
    set_nonblocking(out_fd);
}

void line_close(struct line *l)
{
    if (l->in_fd >= 0)
        close(l->in_fd);
    if (l->out_fd >= 0 && l->out_fd != l->in_fd)
        close(l->out_fd);
}

/* How much of length may be written at once; waits until it may. */
static size_t wait_cap(struct line *l, size_t length)
{
    double slice = l->bytes_per_second * CAP_SLICE, t = monotonic_seconds();
    struct timespec pause;

    if (l->bytes_per_second <= 0)
        return length;
    if (slice < 1)
        slice = 1;
    if (length > slice)
        length = slice;
    if (l->next_write > t) {
        pause.tv_sec = l->next_write - t;
        pause.tv_nsec = (l->next_write - t - pause.tv_sec) * 1e9;
        nanosleep(&pause, NULL);
        atomic_fetch_add(&l->waited, (monotonic_seconds() - t) * 1e6);
    } else {
        l->next_write = t;
    }
    l->next_write += length / l->bytes_per_second;
    return length;
}

/* Waits until fd is ready.  -ETIMEDOUT if it takes too long.  Looks up from
 * time to time: what failed in another thread ends this one as well. */
static int wait_ready(const struct line *l, int fd, short events)
{
    struct pollfd fds[2] = {
        { .fd = fd, .events = events },
        { .fd = l->watch_fd, .events = POLLRDHUP },
    };
    unsigned seconds = 0;
    int n;

    for (;;) {
        n = poll(fds, 2, 1000);
        if (n > 0)
            return fds[0].revents ? 0 : -ECANCELED;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (l->broken)
            return l->broken;
        seconds += n == 0;
        if (l->timeout && seconds >= l->timeout)
            return -ETIMEDOUT;
    }
}

static int wait_writable(struct line *l)
{
    double start = monotonic_seconds();
    int rc = wait_ready(l, l->out_fd, POLLOUT);

    atomic_fetch_add(&l->waited, (monotonic_seconds() - start) * 1e6);
    return rc;
}

int line_write(struct line *l, const void *data, size_t length)
{
    const uint8_t *p = data;
    size_t piece;
    ssize_t n;
    int rc;

    while (length > 0) {
        piece = wait_cap(l, length);
        while (piece > 0) {
            n = write(l->out_fd, p, piece);
            if (n < 0 && errno == EAGAIN) {
                rc = wait_writable(l);
                if (rc)
                    return rc;
                continue;
            }
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                return errno == ECONNRESET ? -EPIPE : -errno;
            atomic_fetch_add(&l->bytes_out, n);
            p += n;
            piece -= n;
            length -= n;
        }
    }
    return 0;
}

/* Pieces count as work, as a payload takes long over a narrow line, and nothing
 * can be worked off until it is there. */
int line_read(struct line *l, void *data, size_t length, size_t *got_r)
{
    uint8_t *p = data;
    size_t got = 0;
    ssize_t n;
    int rc = 0;

    while (got < length) {
        n = read(l->in_fd, p + got, length - got);
        if (n < 0 && errno == EAGAIN) {
            rc = wait_ready(l, l->in_fd, POLLIN);
            if (rc)
                break;
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            rc = n == 0 || errno == ECONNRESET ? -EPIPE : -errno;
            break;
        }
        atomic_fetch_add(&l->bytes_in, n);
        if (length > PROTO_HEADER_BYTES)
            atomic_fetch_add(&l->worked, 1);
        got += n;
    }
    if (got_r)
        *got_r = got;
    return rc;
}
