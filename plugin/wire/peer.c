/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command that connects to the other host; see peer.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin/base/fdio.h"
#include "plugin/base/log.h"
#include "plugin/proto.h"
#include "plugin/wire/peer.h"

#define WAIT_SECONDS 5
#define LOOK_US 10000

/* How many of the processes that a command has started are ended. */
#define FAMILY_MAX 64

/* Exit statuses of a shell, and of ssh. */
#define STATUS_NOT_FOUND 127
#define STATUS_SSH_FAILED 255

/* --- starting ------------------------------------------------------------- */

/* In the child.  Other threads may have been at work when it was made, and
 * hold locks: no messages, no memory. */
static void run(int in_fd, int out_fd, int tell_fd, const char *const *argv)
{
    int rc, error;

    signal(SIGPIPE, SIG_DFL);
    rc = fd_become(in_fd, STDIN_FILENO);
    if (!rc)
        rc = fd_become(out_fd, STDOUT_FILENO);
    if (!rc)
        execvp(argv[0], (char *const *)argv);
    error = rc ? -rc : errno;
    if (write(tell_fd, &error, sizeof(error)) < 0) {
        /* nobody listens */
    }
    _exit(STATUS_NOT_FOUND);
}

/* 0 once the command runs, or why it cannot. */
static int hear_of_start(int fd)
{
    int error;
    ssize_t n;

    do
        n = read(fd, &error, sizeof(error));
    while (n < 0 && errno == EINTR);
    return n == sizeof(error) ? -error : 0;
}

static void close_pair(const int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

static int make_pipes(int pipes[3][2])
{
    int i, rc;

    for (i = 0; i < 3; i++)
        if (pipe2(pipes[i], O_CLOEXEC)) {
            rc = -errno;
            while (i-- > 0)
                close_pair(pipes[i]);
            return rc;
        }
    return 0;
}

static int start(struct peer *p, const char *const *argv)
{
    int pipes[3][2], rc = make_pipes(pipes);
    int *to = pipes[0], *from = pipes[1], *tell = pipes[2];

    if (rc)
        return rc;
    /* We wait for it, even if we were started with children ignored. */
    signal(SIGCHLD, SIG_DFL);
    p->pid = fork();
    if (p->pid == 0)
        run(to[0], from[1], tell[1], argv);
    rc = p->pid < 0 ? -errno : 0;
    close(to[0]);
    close(from[1]);
    close(tell[1]);
    if (!rc)
        rc = hear_of_start(tell[0]);
    close(tell[0]);
    p->out_fd = to[1];
    p->in_fd = from[0];
    if (!rc)
        return 0;
    if (p->pid > 0)
        waitpid(p->pid, NULL, 0);
    p->pid = -1;
    close(p->out_fd);
    close(p->in_fd);
    return rc;
}

int peer_start(struct peer *p, const char *host, const char *const *argv)
{
    int rc;

    *p = (struct peer)PEER_INIT;
    p->host = host;
    p->by_shell = !strcmp(argv[0], "sh");
    rc = start(p, argv);
    if (rc)
        log_errno(rc, "%s cannot be run", argv[0]);
    return rc;
}

/* --- ending --------------------------------------------------------------- */

/* The other end of the pipe sees that nobody is here.  Not close(): a thread
 * may still use the number. */
static int leave(int fd, int flags)
{
    int nothing = open("/dev/null", flags | O_CLOEXEC), rc = 0;

    if (nothing < 0 || dup3(nothing, fd, O_CLOEXEC) < 0)
        rc = -errno;
    if (nothing >= 0)
        close(nothing);
    return rc;
}

int peer_hang_up(struct peer *p)
{
    return leave(p->out_fd, O_WRONLY);
}

static bool has_ended(struct peer *p)
{
    pid_t pid = p->pid < 0 ? -1 : waitpid(p->pid, &p->status, WNOHANG);

    if (p->pid < 0)
        return true;
    if (pid == 0 || (pid < 0 && errno == EINTR))
        return false;
    if (pid < 0)
        p->status = -1;
    p->pid = -1;
    return true;
}

int peer_wait(struct peer *p)
{
    int i;

    if (p->pid >= 0)
        peer_hang_up(p);
    for (i = 0; !has_ended(p); i++) {
        if (i == WAIT_SECONDS * 1000000 / LOOK_US)
            return -1;
        usleep(LOOK_US);
    }
    return p->status;
}

/* The command and what it has started.  Not by their numbers, which may be
 * others' a moment later. */
struct family {
    struct pollfd fds[FAMILY_MAX];
    size_t n;
};

/* Adds a process, its children, and theirs. */
static void family_add(struct family *f, pid_t pid)
{
    int fd = f->n < FAMILY_MAX ? pidfd_open(pid, 0) : -1, child;
    char path[64];
    FILE *children;

    if (fd < 0)
        return;
    f->fds[f->n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
    children = fopen(path, "re");
    while (children && fscanf(children, "%d", &child) == 1)
        family_add(f, child);
    if (children)
        fclose(children);
}

static void family_signal(const struct family *f, int sig)
{
    size_t i;

    for (i = 0; i < f->n; i++)
        pidfd_send_signal(f->fds[i].fd, sig, NULL, 0);
}

static void family_release(struct family *f)
{
    while (f->n > 0)
        close(f->fds[--f->n].fd);
}

/* Waits until all have ended, or for some seconds. */
static bool family_gone(struct family *f, struct peer *p)
{
    int i;

    for (i = 0; i < WAIT_SECONDS * 1000000 / LOOK_US; i++) {
        /* a process that has ended makes its descriptor readable */
        if (has_ended(p) && poll(f->fds, f->n, 0) == (int)f->n)
            return true;
        usleep(LOOK_US);
    }
    return false;
}

void peer_end(struct peer *p)
{
    struct family f = { .n = 0 };

    if (p->pid < 0)
        return;
    leave(p->in_fd, O_RDONLY);
    if (peer_wait(p) >= 0 || p->pid < 0)
        return;
    family_add(&f, p->pid);
    family_signal(&f, SIGTERM);
    if (!family_gone(&f, p)) {
        family_signal(&f, SIGKILL);
        family_gone(&f, p);
    }
    family_release(&f);
}

/* --- the session ---------------------------------------------------------- */

#define NO_TERMINAL "connect without one: ssh without -t, RequestTTY no"

static void say_garbage(const struct peer *p, const char *garbage)
{
    if (!strncmp(garbage, "xl-dedup: ", 10))
        log_error("%s: instead of the protocol's greeting it said '%s'",
                  p->host, garbage);
    else
        log_error("%s: answered '%s' instead of the protocol's greeting; "
                  "does a login script print something there?", p->host,
                  garbage);
}

/* It has ended, or closed its output, without a word on it. */
static void say_status(struct peer *p)
{
    int status = peer_wait(p), code = status >= 0 && WIFEXITED(status) ?
        WEXITSTATUS(status) : 0;

    if (code == STATUS_NOT_FOUND && p->by_shell)
        log_error("%s: a command was not found, see above: xl-dedup there, or "
                  "one that leads there", p->host);
    else if (code == STATUS_NOT_FOUND)
        log_error("%s: xl-dedup is not installed there; install it, or "
                  "migrate without --dedup", p->host);
    else if (code == STATUS_SSH_FAILED)
        log_error("%s: no connection; see the message of ssh above",
                  p->host);
    else
        log_error("%s: the connection was closed before xl-dedup answered",
                  p->host);
}

static int greet(struct peer *p, struct wire *w, int watch_fd)
{
    char garbage[256];
    int rc = wire_greet(w, watch_fd, garbage, sizeof(garbage));

    switch (rc) {
    case 0:
        break;
    case -EPROTO:
        say_garbage(p, garbage);
        break;
    case -EILSEQ:
        log_error("%s: there is a terminal on the way, which changes what "
                  "passes; " NO_TERMINAL, p->host);
        break;
    case -EPROTONOSUPPORT:
        log_error("%s: has another version of xl-dedup; install the same one "
                  "on both hosts", p->host);
        break;
    case -ECANCELED:
        log_error("xl ended the migration before %s had answered", p->host);
        break;
    case -EPIPE:
        say_status(p);
        break;
    default:
        log_errno(rc, "%s: the connection failed", p->host);
    }
    return rc;
}

/* What the target says first, on the heels of its greeting. */
static int hear_challenge(struct peer *p, struct wire *w)
{
    uint16_t type;
    int rc = wire_hear_challenge(w, &type);

    if (rc == -EPIPE)
        say_status(p);
    else if (rc == -EBADMSG)
        log_error("%s: sent %s where it does not belong; the versions of "
                  "xl-dedup on both hosts do not fit together, or one of them "
                  "is at fault", p->host, proto_name(type));
    else if (rc && rc != -EPROTO)
        log_errno(rc, "%s: the connection failed", p->host);
    return rc;
}

int peer_session(struct peer *p, const struct wire_options *options,
                 int watch_fd, struct wire **w_r, struct inbox **in_r,
                 inbox_bytes *bytes, void *opaque)
{
    int rc = wire_new(w_r, p->in_fd, p->out_fd, options);

    if (!rc)
        rc = greet(p, *w_r, watch_fd);
    if (!rc)
        rc = hear_challenge(p, *w_r);
    if (!rc)
        rc = wire_keep_alive(*w_r);
    if (!rc)
        rc = inbox_start(in_r, *w_r, p->host, bytes, opaque);
    if (rc)
        peer_end(p);
    return rc;
}

/* What the source says by itself is not said here: both have the admin's
 * terminal. */
int peer_accept(struct wire **w_r, unsigned seconds)
{
    struct wire_options options = { .greeting = seconds };
    char garbage[256];
    int rc;

    if (isatty(STDIN_FILENO) || isatty(STDOUT_FILENO)) {
        log_error("the standard input or output of xl-dedup is a terminal "
                  "here, which changes what passes; " NO_TERMINAL);
        return -ENOTTY;
    }
    rc = wire_new(w_r, STDIN_FILENO, STDOUT_FILENO, &options);
    if (rc)
        return rc;
    wire_set_packed(*w_r, WIRE_PACKED_REFUSE);
    rc = wire_greet(*w_r, -1, garbage, sizeof(garbage));
    if (rc)
        wire_free(*w_r);
    if (rc == -EPROTO)
        log_error("this is no greeting of another xl-dedup: '%s'", garbage);
    else if (rc == -ETIMEDOUT)
        log_error("nobody has said anything here for %u seconds", seconds);
    else if (rc == -EILSEQ)
        log_error("there is a terminal on the way here, which changes what "
                  "passes; " NO_TERMINAL);
    return rc ? rc : wire_challenge(*w_r);
}
