/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other programs, asked for what they print; see program.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/xl/program.h"

#define OUTPUT_MAX (64u << 20)      /* bytes: more than a host's domains take */
#define PIECE (16u << 10)
#define LOOK_US 10000
#define KILL_SECONDS 2

static void run(const char *const *argv, int out_fd, int err_fd)
{
    int nothing = open("/dev/null", O_RDONLY);

    setpgid(0, 0);
    signal(SIGPIPE, SIG_DFL);
    if (nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 &&
        dup2(out_fd, STDOUT_FILENO) >= 0 && dup2(err_fd, STDERR_FILENO) >= 0)
        execvp(argv[0], (char *const *)argv);
    _exit(127);
}

/* Reads what is there.  1: more may come, 0: that was all. */
static int take(int fd, struct buf *b)
{
    uint8_t *p = b->length < OUTPUT_MAX ? buf_reserve(b, PIECE) : NULL;
    ssize_t n;

    if (!p)
        return b->failed ? -ENOMEM : -EFBIG;
    n = read(fd, p, PIECE);
    if (n < 0)
        return errno == EINTR ? 1 : -errno;
    b->length += n;
    return n > 0;
}

static int milliseconds_to(uint64_t end)
{
    uint64_t now = monotonic_ms();

    return now < end ? (int)(end - now) : 0;
}

static int read_both(struct program *p, int out_fd, int err_fd, uint64_t end)
{
    struct pollfd fds[2] = {
        { .fd = out_fd, .events = POLLIN }, { .fd = err_fd, .events = POLLIN },
    };
    struct buf *bufs[2] = { &p->out, &p->err };
    int i, rc;

    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        rc = poll(fds, 2, milliseconds_to(end));
        if (rc == 0)
            return -ETIMEDOUT;
        if (rc < 0 && errno != EINTR)
            return -errno;
        for (i = 0; i < 2 && rc > 0; i++) {
            int more = fds[i].fd >= 0 && fds[i].revents ?
                take(fds[i].fd, bufs[i]) : 1;

            if (more < 0)
                return more;
            if (!more)
                fds[i].fd = -1;
        }
    }
    return 0;
}

/* Whether it has ended by then. */
static bool wait_until(struct program *p, pid_t pid, uint64_t end)
{
    pid_t ended;

    for (;;) {
        ended = waitpid(pid, &p->status, WNOHANG);
        if (ended == pid)
            return true;
        if (ended < 0 && errno != EINTR) {
            p->status = -1;
            return true;
        }
        if (!milliseconds_to(end))
            return false;
        usleep(LOOK_US);
    }
}

/* One that waits for a device or a file server cannot be ended, and is left
 * alone. */
static void kill_group(struct program *p, pid_t pid)
{
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
    wait_until(p, pid, monotonic_ms() + 1000 * KILL_SECONDS);
}

static int start(const char *const *argv, int out[2], int err[2], pid_t *pid_r)
{
    if (pipe2(out, O_CLOEXEC))
        return -errno;
    if (pipe2(err, O_CLOEXEC)) {
        int rc = -errno;

        close(out[0]);
        close(out[1]);
        return rc;
    }
    /* We wait for it, even if we were started with children ignored. */
    signal(SIGCHLD, SIG_DFL);
    *pid_r = fork();
    if (*pid_r == 0)
        run(argv, out[1], err[1]);
    close(out[1]);
    close(err[1]);
    return 0;
}

int program_run(struct program *p, const char *const *argv, unsigned seconds)
{
    uint64_t end = monotonic_ms() + 1000 * (uint64_t)seconds;
    int out[2], err[2], rc;
    pid_t pid = -1;

    rc = start(argv, out, err, &pid);
    if (rc)
        return rc;
    rc = pid < 0 ? -EAGAIN : read_both(p, out[0], err[0], end);
    close(out[0]);
    close(err[0]);
    if (pid > 0 && !rc && !wait_until(p, pid, end))
        rc = -ETIMEDOUT;
    if (pid > 0 && rc)
        kill_group(p, pid);
    buf_put_u8(&p->out, 0);
    buf_put_u8(&p->err, 0);
    if (!rc && (p->out.failed || p->err.failed))
        rc = -ENOMEM;
    if (rc)
        return rc;
    return p->status >= 0 && WIFEXITED(p->status) &&
        !WEXITSTATUS(p->status) ? 0 : -ESRCH;
}

void program_release(struct program *p)
{
    buf_release(&p->out);
    buf_release(&p->err);
}
