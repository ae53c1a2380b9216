/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Process: see process.h.
 *
 * The caller may have many threads and a SIGCHLD handler that reaps what is
 * not its own (libxl's does), so that posix_spawn is used rather than fork,
 * every descriptor is close-on-exec from its creation, and a missing wait
 * status is no error: the stream's END record says that all went well.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fsparse/process.h"

#define PARSER PKGLIBEXECDIR "/xl-dedup-parse"
#define IMAGE_FD 3
#define DEADLINE_SECONDS 300
#define GRACE_MS 1000           /* from the end of its output to its end */

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t deadline_ms(void)
{
    const char *s = secure_getenv("XL_DEDUP_PARSER_SECONDS");
    int seconds = s ? atoi(s) : 0;

    return now_ms() + 1000LL * (seconds > 0 ? seconds : DEADLINE_SECONDS);
}

/* The numbers that the child's redirections use must not be the source of
 * another one, whatever the caller has closed. */
static int out_of_the_way(int *fd)
{
    int high;

    if (*fd > IMAGE_FD)
        return 0;
    high = fcntl(*fd, F_DUPFD_CLOEXEC, IMAGE_FD + 1);
    if (high < 0)
        return -errno;
    close(*fd);
    *fd = high;
    return 0;
}

static int redirect(posix_spawn_file_actions_t *fa, int image_fd,
                    int request_fd, int out)
{
    int rc;

    rc = posix_spawn_file_actions_adddup2(fa, image_fd, IMAGE_FD);
    if (!rc)
        rc = posix_spawn_file_actions_adddup2(fa, out, STDOUT_FILENO);
    if (!rc && request_fd >= 0)
        rc = posix_spawn_file_actions_adddup2(fa, request_fd, STDIN_FILENO);
    else if (!rc)
        rc = posix_spawn_file_actions_addopen(fa, STDIN_FILENO, "/dev/null",
                                              O_RDONLY, 0);
    if (!rc)
        rc = posix_spawn_file_actions_addopen(fa, STDERR_FILENO, "/dev/null",
                                              O_WRONLY, 0);
    if (!rc)
        rc = posix_spawn_file_actions_addclosefrom_np(fa, IMAGE_FD + 1);
    return -rc;
}

static int plain_signals(posix_spawnattr_t *attr)
{
    sigset_t none, all;
    int rc;

    sigemptyset(&none);
    sigfillset(&all);
    rc = posix_spawnattr_setsigmask(attr, &none);
    if (!rc)
        rc = posix_spawnattr_setsigdefault(attr, &all);
    if (!rc)
        rc = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK |
                                      POSIX_SPAWN_SETSIGDEF);
    return -rc;
}

static int spawn(struct process *p, const char *task, int image_fd,
                 int request_fd, int out)
{
    /* An own environment: nothing of the caller's (LD_PRELOAD, locale,
     * libblkid's debugging) reaches the parser. */
    static char *const env[] = { NULL };
    const char *path = secure_getenv("XL_DEDUP_PARSER");
    char *const argv[] = { (char *)"xl-dedup-parse", (char *)task, NULL };
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t attr;
    int rc;

    if (posix_spawn_file_actions_init(&fa))
        return -ENOMEM;
    if (posix_spawnattr_init(&attr)) {
        posix_spawn_file_actions_destroy(&fa);
        return -ENOMEM;
    }
    rc = redirect(&fa, image_fd, request_fd, out);
    if (!rc)
        rc = plain_signals(&attr);
    if (!rc)
        rc = -posix_spawn(&p->pid, path ? path : PARSER, &fa, &attr, argv,
                          env);
    if (rc)
        p->pid = -1;
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&fa);
    return rc;
}

int process_start(struct process *p, const char *task, int image_fd,
                  int request_fd)
{
    int ends[2] = { -1, -1 };
    int request = -1;
    int image = fcntl(image_fd, F_DUPFD_CLOEXEC, IMAGE_FD + 1);
    int rc;

    if (image < 0)
        return -errno;
    if (request_fd >= 0)
        request = fcntl(request_fd, F_DUPFD_CLOEXEC, IMAGE_FD + 1);
    if ((request_fd >= 0 && request < 0) || pipe2(ends, O_CLOEXEC)) {
        rc = -errno;
        goto out;
    }
    rc = out_of_the_way(&ends[1]);
    if (!rc)
        rc = spawn(p, task, image, request, ends[1]);
    close(ends[1]);
    if (rc) {
        close(ends[0]);
        goto out;
    }
    p->fd = ends[0];
    p->deadline = deadline_ms();
out:
    if (request >= 0)
        close(request);
    close(image);
    return rc;
}

ssize_t process_read(struct process *p, void *buf, size_t size)
{
    for (;;) {
        struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
        int64_t left = p->deadline - now_ms();
        ssize_t n;

        if (left <= 0)
            return -ETIME;
        if (poll(&pfd, 1, (int)left) <= 0)
            continue;
        n = read(p->fd, buf, size);
        if (n >= 0)
            return n;
        if (errno != EINTR)
            return -errno;
    }
}

int process_stop(struct process *p)
{
    const struct timespec tick = { .tv_nsec = 5000000 };
    int64_t until;
    pid_t r = -1;
    int status;

    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    if (p->pid < 0)
        return -1;
    until = now_ms() + GRACE_MS;
    if (until > p->deadline)
        until = p->deadline;
    while ((r = waitpid(p->pid, &status, WNOHANG)) == 0 && now_ms() < until)
        nanosleep(&tick, NULL);
    if (r == 0) {
        /* Still ours, so that the number cannot belong to another. */
        kill(p->pid, SIGKILL);
        while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    r = r == p->pid ? 0 : -1;
    p->pid = -1;
    return r ? -1 : status;
}
