/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of users.c: who has a file open, and what is said when a file
 * system does not answer.  statx() stands for that one here, and
 * pthread_cond_timedwait() for the time that passes.
 */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "plugin/image/users.h"
#include "test/unit/unit.h"

static atomic_bool server_is_dead;
static atomic_int waiting;

int statx(int directory, const char *path, int flags, unsigned mask,
          struct statx *st)
{
    if (flags & AT_STATX_DONT_SYNC) {
        waiting++;
        while (server_is_dead)
            usleep(1000);
        waiting--;
    }
    return syscall(SYS_statx, directory, path, flags, mask, st);
}

/* The search ends, or ten seconds are over at once. */
int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *lock,
                           const struct timespec *end)
{
    (void)c;
    (void)end;
    pthread_mutex_unlock(lock);
    usleep(1000);
    pthread_mutex_lock(lock);
    return server_is_dead && waiting ? ETIMEDOUT : 0;
}

static char name[] = "/tmp/test-users-XXXXXX";
static int fd;

/* A process that is not our child; its process id. */
static pid_t open_elsewhere(int flags)
{
    int told[2];
    pid_t child, pid;

    assert(!pipe(told));
    child = fork();
    assert(child >= 0);
    if (child == 0) {
        if (fork() == 0) {
            close(fd);
            pid = open(name, flags) >= 0 ? getpid() : -1;
            assert(write(told[1], &pid, sizeof(pid)) == sizeof(pid));
            pause();
        }
        _exit(0);
    }
    assert(waitpid(child, NULL, 0) == child);
    assert(read(told[0], &pid, sizeof(pid)) == sizeof(pid) && pid > 0);
    close(told[0]);
    close(told[1]);
    return pid;
}

static void nobody(void)
{
    char user[256];

    assert(!users_find(fd, user, sizeof(user)));
    assert(!users_find_writing(fd, user, sizeof(user)));
}

static void a_process(int flags, bool writes)
{
    pid_t pid = open_elsewhere(flags);
    char user[256], want[64];

    snprintf(want, sizeof(want), "process %ld (", (long)pid);
    assert(users_find(fd, user, sizeof(user)));
    assert(!strncmp(user, want, strlen(want)));
    assert(users_find_writing(fd, user, sizeof(user)) == writes);
    kill(pid, SIGKILL);
    while (users_find(fd, user, sizeof(user)))
        usleep(1000);
}

static void a_reader(void)
{
    a_process(O_RDONLY, false);
}

static void a_writer(void)
{
    a_process(O_RDWR, true);
}

/* What cannot be known counts as in use. */
static void no_answer(void)
{
    char user[256];

    server_is_dead = true;
    assert(users_find(fd, user, sizeof(user)));
    assert(!strncmp(user, "an unknown process", 18));
    assert(users_find_writing(fd, user, sizeof(user)));
    server_is_dead = false;
    while (waiting)
        usleep(1000);
}

int main(void)
{
    fd = mkstemp(name);
    assert(fd >= 0);
    RUN(nobody);
    RUN(a_reader);
    RUN(a_writer);
    RUN(no_answer);
    unlink(name);
    return 0;
}
