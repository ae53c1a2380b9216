/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command that connects to the other host; see peer.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin/log.h"
#include "plugin/peer.h"

#define WAIT_SECONDS 5

/* Exit statuses of a shell, and of ssh. */
#define STATUS_NOT_FOUND 127
#define STATUS_SSH_FAILED 255

int peer_start(struct peer *p, const char *host, const char *const *argv)
{
    int to[2], from[2], rc;

    p->host = host;
    if (pipe2(to, O_CLOEXEC))
        return -errno;
    if (pipe2(from, O_CLOEXEC)) {
        rc = -errno;
        close(to[0]);
        close(to[1]);
        return rc;
    }
    p->pid = fork();
    if (p->pid == 0) {
        signal(SIGPIPE, SIG_DFL);
        if (dup2(to[0], STDIN_FILENO) >= 0 &&
            dup2(from[1], STDOUT_FILENO) >= 0)
            execvp(argv[0], (char *const *)argv);
        log_errno(-errno, "%s cannot be run", argv[0]);
        _exit(STATUS_NOT_FOUND);
    }
    rc = p->pid < 0 ? -errno : 0;
    close(to[0]);
    close(from[1]);
    if (rc) {
        close(to[1]);
        close(from[0]);
        return rc;
    }
    p->out_fd = to[1];
    p->in_fd = from[0];
    return 0;
}

/* The command sees the end of what we say.  Not close(): a thread may still
 * use the number. */
static void hang_up(struct peer *p)
{
    int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (nothing >= 0) {
        dup3(nothing, p->out_fd, O_CLOEXEC);
        close(nothing);
    }
}

int peer_wait(struct peer *p)
{
    int status, i;

    hang_up(p);
    for (i = 0; i < WAIT_SECONDS * 100; i++) {
        if (waitpid(p->pid, &status, WNOHANG) == p->pid)
            return status;
        usleep(10000);
    }
    return -1;
}

void peer_end(struct peer *p)
{
    if (peer_wait(p) >= 0 || kill(p->pid, SIGTERM))
        return;
    if (peer_wait(p) < 0)
        kill(p->pid, SIGKILL);
}

static int greet(struct peer *p, struct wire *w)
{
    char garbage[128];
    int rc = wire_greet(w, garbage, sizeof(garbage)), status;

    if (!rc)
        return 0;
    if (rc == -EPROTO) {
        log_error("%s: answered '%s' instead of the protocol's greeting; "
                  "does a login script print something there?", p->host,
                  garbage);
        return rc;
    }
    if (rc == -EPROTONOSUPPORT) {
        log_error("%s: has another version of xl-dedup; install the same one "
                  "on both hosts", p->host);
        return rc;
    }
    status = peer_wait(p);
    if (status >= 0 && WIFEXITED(status) &&
        WEXITSTATUS(status) == STATUS_NOT_FOUND)
        log_error("%s: xl-dedup is not installed there; install it, or "
                  "migrate without --dedup", p->host);
    else if (status >= 0 && WIFEXITED(status) &&
             WEXITSTATUS(status) == STATUS_SSH_FAILED)
        log_error("%s: no connection; see the message of ssh above",
                  p->host);
    else
        log_error("%s: the connection was closed before xl-dedup answered",
                  p->host);
    return rc;
}

int peer_session(struct peer *p, const struct wire_options *options,
                 struct wire **w_r, struct inbox **in_r, inbox_bytes *bytes,
                 void *opaque)
{
    int rc = wire_new(w_r, p->in_fd, p->out_fd, options);

    if (!rc)
        rc = greet(p, *w_r);
    if (!rc)
        rc = wire_keep_alive(*w_r);
    return rc ? rc : inbox_start(in_r, *w_r, p->host, bytes, opaque);
}
