/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The index's refresh in the background; see refresh.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/ioprio.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin/base/priority.h"
#include "plugin/target/refresh.h"

#define FIRST_PATH 5

/* In the child of a process with threads: system calls only. */
static void run(const char *program, char *const *arguments, bool gently,
                pid_t parent)
{
    int null = open("/dev/null", O_RDWR);

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent || null < 0)
        _exit(127);
    /* stdout is the wire. */
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    syscall(SYS_close_range, 3, ~0U, 0);
    if (gently) {
        niceness_set(NICENESS_LATER);
        syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
                IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
    }
    signal(SIGPIPE, SIG_DFL);
    execv(program, arguments);
    _exit(127);
}

pid_t refresh_start(const char *program, const char *directory,
                    char *const *paths, size_t n, bool gently)
{
    char **arguments = calloc(n + FIRST_PATH + 2, sizeof(*arguments));
    pid_t parent = getpid(), pid;
    sigset_t none;
    size_t i;

    if (!arguments)
        return -ENOMEM;
    arguments[0] = (char *)(uintptr_t)"xl-dedup";
    arguments[1] = (char *)(uintptr_t)"index";
    arguments[2] = (char *)(uintptr_t)"--quiet";
    arguments[3] = (char *)(uintptr_t)"--directory";
    arguments[4] = (char *)(uintptr_t)directory;
    arguments[FIRST_PATH] = (char *)(uintptr_t)"--";
    for (i = 0; i < n; i++)
        arguments[FIRST_PATH + 1 + i] = paths[i];
    pid = fork();
    if (pid == 0) {
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        run(program, arguments, gently, parent);
    }
    free(arguments);
    return pid < 0 ? -errno : pid;
}

bool refresh_ended(pid_t pid)
{
    int status;

    return waitpid(pid, &status, WNOHANG) != 0;
}

void refresh_stop(pid_t pid)
{
    int status;

    kill(pid, SIGTERM);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
}
