/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The confinement of the target's engine, from inside: what it needs works in
 * every thread, and what it must not have fails or ends the process, in the
 * thread that has confined the process and in one that was there before.
 */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "fsparse/sandbox.h"
#include "plugin/target/confinement.h"
#include "test/unit/unit.h"

enum { WORKED = 10, FAILED = 11, NOT_CONFINED = 12 };

static int root_fd;             /* the host's root directory */
static int file_fd;             /* a file of root's, open for writing */
static char path[64];           /* of it */

/* Each returns whether it has worked. */

static bool open_file(void)
{
    return open("/etc/passwd", O_RDONLY) >= 0 || open(path, O_RDONLY) >= 0;
}

static bool open_below(void)
{
    return openat(root_fd, "etc/passwd", O_RDONLY) >= 0 ||
        syscall(SYS_openat2, root_fd, "etc/passwd",
                &(uint64_t[3]){ O_RDONLY, 0, 0 }, 24) >= 0;
}

static bool open_again(void)
{
    char name[64];

    snprintf(name, sizeof(name), "/proc/self/fd/%d", file_fd);
    return open(name, O_RDONLY) >= 0;
}

static bool create_file(void)
{
    return open("/x", O_RDWR | O_CREAT, 0600) >= 0 || !mkdir("/y", 0700) ||
        !mkdirat(root_fd, "tmp/xl-dedup-confined", 0700);
}

static bool remove_file(void)
{
    return !unlink(path) || !unlinkat(root_fd, path + 1, 0) ||
        !renameat(root_fd, path + 1, root_fd, "tmp/xl-dedup-confined");
}

static bool change_file(void)
{
    return !fchmod(file_fd, 0777) || !fchown(file_fd, 1, 1);
}

static bool make_socket(void)
{
    int two[2];

    return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ||
        socket(AF_INET, SOCK_STREAM, 0) >= 0 ||
        socket(AF_NETLINK, SOCK_RAW, 0) >= 0 ||
        !socketpair(AF_UNIX, SOCK_STREAM, 0, two);
}

static bool start_process(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return pid >= 0;
}

static bool signal_others(void)
{
    return !kill(getppid(), 0) ||
        !syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static bool make_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert(p != MAP_FAILED);
    return !mprotect(p, 4096, PROT_READ | PROT_EXEC) ||
        mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
             -1, 0) != MAP_FAILED;
}

static bool raise_limit(void)
{
    const struct rlimit none = { 0, 0 };

    return !setrlimit(RLIMIT_CORE, &none) || !prctl(PR_SET_DUMPABLE, 1);
}

static bool execute(void)
{
    char *const argv[] = { (char *)"true", NULL };

    return execv("/bin/true", argv) || true;
}

static bool trace(void)
{
    return !ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static bool become_root(void)
{
    return !syscall(SYS_setresuid, 0, 0, 0);
}

static bool change_root(void)
{
    return !fchdir(root_fd);
}

static bool leave_root(void)
{
    return !chroot("/");
}

static bool enter_namespace(void)
{
    return !unshare(CLONE_NEWUSER);
}

static bool use_ring(void)
{
    return syscall(SYS_io_uring_setup, 1, NULL) >= 0;
}

static void *nothing(void *opaque)
{
    return opaque;
}

static bool use_threads(void)
{
    pthread_t thread;
    void *result;

    return !pthread_create(&thread, NULL, nothing, &result) &&
        !pthread_join(thread, &result) && result == &result &&
        !setpriority(PRIO_PROCESS, 0, 10);
}

static bool use_file(void)
{
    char back[8] = "";
    struct stat st;

    return pwrite(file_fd, "content", 7, 100) == 7 &&
        pread(file_fd, back, 7, 100) == 7 && !strcmp(back, "content") &&
        !fdatasync(file_fd) && !fsync(file_fd) && !fstat(file_fd, &st) &&
        !ftruncate(file_fd, 1 << 20) &&
        !sync_file_range(file_fd, 0, 0, SYNC_FILE_RANGE_WRITE) &&
        !posix_fadvise(file_fd, 0, 0, POSIX_FADV_DONTNEED) &&
        !flock(file_fd, LOCK_EX) && lseek(file_fd, 0, SEEK_DATA) >= 0;
}

static bool use_memory(void)
{
    void *p = malloc(64 << 20), *q;

    if (!p)
        return false;
    memset(p, 1, 64 << 20);
    q = realloc(p, 128 << 20);
    free(q ? q : p);
    q = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file_fd, 0);
    return q != MAP_FAILED && !munmap(q, 4096);
}

static bool use_pipes(void)
{
    int ends[2];
    char c;

    return !pipe(ends) && write(ends[1], "x", 1) == 1 &&
        read(ends[0], &c, 1) == 1 && !usleep(1000) && time(NULL) > 0;
}

static const struct probe {
    const char *name;
    bool (*try)(void);
    int end;                    /* the exit status, or minus the signal */
} probes[] = {
    { "open a file", open_file, FAILED },
    { "open one below a directory that is open", open_below, FAILED },
    { "open one again that is open", open_again, FAILED },
    { "create a file", create_file, FAILED },
    { "remove or rename a file", remove_file, FAILED },
    { "change a file's mode or owner", change_file, FAILED },
    { "make a socket", make_socket, FAILED },
    { "start a process", start_process, FAILED },
    { "signal another process", signal_others, FAILED },
    { "make code", make_code, FAILED },
    { "change a limit", raise_limit, FAILED },
    { "go to the host's root directory", change_root, FAILED },
    { "execute a program", execute, -SIGSYS },
    { "be traced", trace, -SIGSYS },
    { "become root", become_root, -SIGSYS },
    { "have another root directory", leave_root, -SIGSYS },
    { "enter a namespace", enter_namespace, -SIGSYS },
    { "use io_uring", use_ring, -SIGSYS },
    { "threads", use_threads, WORKED },
    { "a file that is open", use_file, WORKED },
    { "memory", use_memory, WORKED },
    { "pipes and time", use_pipes, WORKED },
};

static pthread_mutex_t confining = PTHREAD_MUTEX_INITIALIZER;

static void *try_in_thread(void *opaque)
{
    const struct probe *p = opaque;

    pthread_mutex_lock(&confining);
    _exit(p->try() ? WORKED : FAILED);
}

static void play(const struct probe *p, bool in_thread)
{
    char why[4096];
    pthread_t thread;

    pthread_mutex_lock(&confining);
    assert(!pthread_create(&thread, NULL, try_in_thread, (void *)p));
    if (confinement_enter(why, sizeof(why))) {
        fprintf(stderr, "%s\n", why);
        _exit(NOT_CONFINED);
    }
    if (!in_thread)
        _exit(p->try() ? WORKED : FAILED);
    pthread_mutex_unlock(&confining);
    pthread_join(thread, NULL);
}

static void test(const struct probe *p, bool in_thread)
{
    pid_t pid = fork();
    int status, end;

    if (pid == 0) {
        play(p, in_thread);
        _exit(1);
    }
    assert(pid > 0 && waitpid(pid, &status, 0) == pid);
    end = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    if (end == p->end)
        return;
    fprintf(stderr, "%s%s: %d instead of %d\n", p->name,
            in_thread ? ", in another thread" : "", end, p->end);
    exit(1);
}

int main(void)
{
    size_t i;

    if (SANDBOX_INSTRUMENTED || geteuid()) {
        fprintf(stderr, "skipped: %s\n", SANDBOX_INSTRUMENTED ?
                "built with a sanitizer" : "not root");
        return 77;
    }
    snprintf(path, sizeof(path), "/tmp/xl-dedup-unit.XXXXXX");
    file_fd = mkstemp(path);
    root_fd = open("/", O_RDONLY | O_DIRECTORY);
    assert(file_fd >= 0 && root_fd >= 0);
    for (i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
        test(&probes[i], false);
        test(&probes[i], true);
    }
    unlink(path);
    return 0;
}
