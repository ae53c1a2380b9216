/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into the target's helper: storage that fails.
 *
 * FAULT_IO=FUNCTION:N:ERROR makes the N-th call, and all later ones, of
 * pwrite, fdatasync or fsync on a staging file, or of fsync on the directory
 * FAULT_DIRECTORY ("dirsync"), fail with ENOSPC or EIO; or, if ERROR is HANG,
 * wait until the file FAULT_UNTIL exists.  If FAULT_IO_AFTER is set, calls count
 * only once that file exists.  The first failure is noted in FAULT_LOG.
 */
#define _GNU_SOURCE     /* config.h is left out: off_t stays what it is */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SUFFIX ".xl-dedup"

/*
 * What takes rights, which the helper's engine gives up: a process that was
 * forked before does it for that one.  Each question is a packet, with an answer
 * of the same form.
 */
struct question {
    enum { EXISTS, NAME, NOTE } verb;
    int pid, fd;                /* NAME: of which process */
    char text[4096];            /* of what; the name */
    bool yes;
};

static int asked = -1;

static void answer(struct question *q)
{
    char link[64];
    ssize_t n;
    FILE *f;

    switch (q->verb) {
    case EXISTS:
        q->yes = !access(q->text, F_OK);
        break;
    case NAME:
        snprintf(link, sizeof(link), "/proc/%d/fd/%d", q->pid, q->fd);
        n = readlink(link, q->text, sizeof(q->text) - 1);
        q->text[n < 0 ? 0 : n] = '\0';
        break;
    case NOTE:
        f = fopen(getenv("FAULT_LOG"), "a");
        if (f) {
            fprintf(f, "io=%s\n", q->text);
            fclose(f);
        }
    }
}

static void serve(int fd)
{
    struct question q;

    while (recv(fd, &q, sizeof(q), 0) == (ssize_t)sizeof(q)) {
        answer(&q);
        send(fd, &q, sizeof(q), MSG_NOSIGNAL);
    }
    _exit(0);
}

static __attribute__((constructor)) void begin(void)
{
    int ends[2];
    pid_t pid;

    if (!getenv("FAULT_IO") || geteuid() ||
        strcmp(program_invocation_short_name, "xl-dedup") ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        return;
    pid = fork();
    if (pid == 0) {
        close(ends[1]);
        /* A helper that waits for its children shall not find this one. */
        if (fork())
            _exit(0);
        close_range(0, ends[0] - 1, 0);
        close_range(ends[0] + 1, ~0u, 0);
        serve(ends[0]);
    }
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    close(ends[0]);
    asked = ends[1];
}

static void ask(struct question *q)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

    q->pid = getpid();
    if (geteuid() == 0) {
        answer(q);
        return;
    }
    pthread_mutex_lock(&lock);
    if (send(asked, q, sizeof(*q), MSG_NOSIGNAL) < 0 ||
        recv(asked, q, sizeof(*q), 0) <= 0)
        abort();
    pthread_mutex_unlock(&lock);
}

static bool exists(const char *path)
{
    struct question q = { .verb = EXISTS };

    strncpy(q.text, path, sizeof(q.text) - 1);
    ask(&q);
    return q.yes;
}

/* Whether the call's file is what the function is to fail on. */
static bool is_meant(const char *function, int fd)
{
    const char *directory = getenv("FAULT_DIRECTORY");
    struct question q = { .verb = NAME, .fd = fd };
    size_t n;

    ask(&q);
    n = strlen(q.text);
    if (!strcmp(function, "dirsync"))
        return directory && !strcmp(q.text, directory);
    return n > strlen(SUFFIX) && !strcmp(q.text + n - strlen(SUFFIX), SUFFIX);
}

static void note(const char *spec)
{
    struct question q = { .verb = NOTE };

    if (!getenv("FAULT_LOG"))
        return;
    strncpy(q.text, spec, sizeof(q.text) - 1);
    ask(&q);
}

/* Whether this call is to fail; errno is set then. */
static bool fails(const char *function, int fd)
{
    static atomic_uint calls;
    const char *spec = getenv("FAULT_IO"), *after = getenv("FAULT_IO_AFTER");
    size_t length = strlen(function);
    unsigned n, call;
    char *end;

    if (!spec || strncmp(spec, function, length) || spec[length] != ':' ||
        (after && !exists(after)) || !is_meant(function, fd))
        return false;
    n = strtoul(spec + length + 1, &end, 10);
    call = atomic_fetch_add(&calls, 1) + 1;
    if (call < n)
        return false;
    if (call == n)
        note(spec);
    if (!strcmp(end, ":HANG")) {
        while (getenv("FAULT_UNTIL") && !exists(getenv("FAULT_UNTIL")))
            usleep(10000);
        return false;
    }
    errno = !strcmp(end, ":ENOSPC") ? ENOSPC : EIO;
    return true;
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t offset)
{
    ssize_t (*real)(int, const void *, size_t, off_t);

    if (fails("pwrite", fd))
        return -1;
    *(void **)&real = dlsym(RTLD_NEXT, "pwrite");
    return real(fd, data, n, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t offset)
{
    ssize_t (*real)(int, const void *, size_t, off64_t);

    if (fails("pwrite", fd))
        return -1;
    *(void **)&real = dlsym(RTLD_NEXT, "pwrite64");
    return real(fd, data, n, offset);
}

int fdatasync(int fd)
{
    int (*real)(int);

    if (fails("fdatasync", fd))
        return -1;
    *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
    return real(fd);
}

int fsync(int fd)
{
    int (*real)(int);

    if (fails("fsync", fd) || fails("dirsync", fd))
        return -1;
    *(void **)&real = dlsym(RTLD_NEXT, "fsync");
    return real(fd);
}
