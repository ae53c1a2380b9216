/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that notes where a device stands; see guard.h.  The caller has
 * threads, so posix_spawn is used rather than fork. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin/base/exit.h"
#include "plugin/target/guard.h"

#define DEVICE_FD 3

static int redirect(posix_spawn_file_actions_t *fa, int end, int device)
{
    /* In this order: the first may be what the second replaces. */
    int rc = posix_spawn_file_actions_adddup2(fa, end, STDIN_FILENO);

    if (!rc)
        rc = posix_spawn_file_actions_adddup2(fa, device, DEVICE_FD);
    /* Our copies of the wire would keep its other end waiting. */
    if (!rc)
        rc = posix_spawn_file_actions_addopen(fa, STDOUT_FILENO, "/dev/null",
                                              O_WRONLY, 0);
    if (!rc)
        rc = posix_spawn_file_actions_addopen(fa, STDERR_FILENO, "/dev/null",
                                              O_WRONLY, 0);
    if (!rc)
        rc = posix_spawn_file_actions_addclosefrom_np(fa, DEVICE_FD + 1);
    return -rc;
}

static int spawn(struct guard *g, const char *program, const char *state_dir,
                 const struct record_key *key, int end, int device)
{
    char *argv[] = { (char *)"xl-dedup", (char *)"guard", (char *)state_dir,
                     (char *)key->uuid, (char *)key->vdev, (char *)key->path,
                     NULL };
    posix_spawn_file_actions_t fa;
    int rc = -posix_spawn_file_actions_init(&fa);

    if (rc)
        return rc;
    rc = redirect(&fa, end, device);
    if (!rc)
        rc = -posix_spawn(&g->pid, program, &fa, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&fa);
    return rc;
}

int guard_start(struct guard *g, const char *program, const char *state_dir,
                const struct record_key *key, int fd)
{
    int ends[2], rc;

    if (pipe2(ends, O_CLOEXEC))
        return -errno;
    rc = spawn(g, program, state_dir, key, ends[0], fd);
    close(ends[0]);
    if (rc)
        close(ends[1]);
    else
        g->fd = ends[1];
    return rc;
}

void guard_dismiss(struct guard *g)
{
    if (g->fd < 0)
        return;
    /* If it was killed there is nobody to dismiss. */
    while (write(g->fd, "", 1) < 0 && errno == EINTR)
        ;
    close(g->fd);
    g->fd = -1;
    while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

int cmd_guard(int argc, char **argv)
{
    struct image img = IMAGE_INIT;
    ssize_t n;
    char c;

    if (argc != 5)
        return XD_EXIT_USAGE;
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    while ((n = read(STDIN_FILENO, &c, 1)) < 0 && errno == EINTR)
        ;
    if (n)
        return XD_EXIT_OK;
    /* Nobody writes any more, and all of it is to be counted. */
    fsync(DEVICE_FD);
    img.fd = DEVICE_FD;
    return record_renew(argv[1], &(struct record_key){ argv[2], argv[3],
                                                       argv[4] }, &img) ?
        XD_EXIT_FAILED : XD_EXIT_OK;
}
