/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system calls of the target's engine; see confinement_filter.h.
 *
 * The list is what sessions make, with glibc 2.36, and what the paths of
 * malloc(), of threads and of abort() can make besides.  Source: seccomp(2),
 * seccomp_rule_add(3).
 */
#include "config.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fsparse/filter_rules.h"
#include "plugin/target/confinement_filter.h"

#define MAKING_SECONDS  10

/* An argument of 64 bits. */
#define ZERO(n) SCMP_A##n##_64(SCMP_CMP_EQ, 0)

static int add_calls(scmp_filter_ctx f, uint32_t action, const int *calls,
                     size_t n)
{
    struct filter_rule rule = { 0 };
    size_t i;
    int rc = 0;

    for (i = 0; i < n && !rc; i++) {
        rule.call = calls[i];
        rc = filter_add(f, action, &rule, 1);
    }
    return rc;
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* Descriptors that are open: the line, disks, references, the index, xl.  Of
 * paths there are only those of the root directory, which is empty. */
static int allow_files(scmp_filter_ctx f)
{
    static const int calls[] = {
        SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(preadv),
        SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pwrite64),
        SCMP_SYS(pwritev), SCMP_SYS(lseek), SCMP_SYS(fstat),
        SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(fstatfs),
        SCMP_SYS(fallocate), SCMP_SYS(ftruncate), SCMP_SYS(fsync),
        SCMP_SYS(fdatasync), SCMP_SYS(sync_file_range),
        SCMP_SYS(fadvise64), SCMP_SYS(readahead), SCMP_SYS(copy_file_range),
        SCMP_SYS(flock), SCMP_SYS(fcntl), SCMP_SYS(close),
        SCMP_SYS(close_range), SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3),
        SCMP_SYS(pipe2), SCMP_SYS(eventfd2),
        /* The monitor, the hook in xl, the one that cleans up; where the line
         * is a socket, that. */
        SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(recvmsg),
        SCMP_SYS(recvfrom), SCMP_SYS(shutdown), SCMP_SYS(getsockopt),
        /* waiting for them */
        SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select),
        SCMP_SYS(pselect6),
    };
    static const unsigned long requests[] = {
        FICLONE, FICLONERANGE, BLKDISCARD, BLKZEROOUT, BLKGETSIZE64,
        BLKSSZGET, BLKPBSZGET, FIONREAD,
        /* whether messages go to a terminal, and how wide it is */
        TCGETS, TIOCGWINSZ,
    };
    struct filter_rule request = { SCMP_SYS(ioctl), 1, { { 0 } } };
    size_t i;
    int rc = add_calls(f, SCMP_ACT_ALLOW, calls, COUNT(calls));

    for (i = 0; i < COUNT(requests) && !rc; i++) {
        request.args[0] = EQUAL(1, requests[i]);
        rc = filter_add(f, SCMP_ACT_ALLOW, &request, 1);
    }
    return rc;
}

/* Nothing becomes code. */
static int allow_memory(scmp_filter_ctx f)
{
    static const int calls[] = {
        SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
        SCMP_SYS(msync), SCMP_SYS(mincore),
    };
    const struct filter_rule rules[] = {
        { SCMP_SYS(mmap), 1, { BITS(2, PROT_EXEC, 0) } },
        { SCMP_SYS(mprotect), 1, { BITS(2, PROT_EXEC, 0) } },
    };
    int rc = add_calls(f, SCMP_ACT_ALLOW, calls, COUNT(calls));

    return rc ? rc : filter_add(f, SCMP_ACT_ALLOW, rules, COUNT(rules));
}

/* Threads, but no processes; their priority, but nobody else's. */
static int allow_threads(scmp_filter_ctx f, pid_t engine)
{
    static const int calls[] = {
        SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(get_robust_list),
        SCMP_SYS(rseq), SCMP_SYS(exit), SCMP_SYS(exit_group),
        SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
        SCMP_SYS(getpriority), SCMP_SYS(ioprio_get), SCMP_SYS(membarrier),
        SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
        SCMP_SYS(restart_syscall), SCMP_SYS(getrusage),
        /* xl, which this process has started */
        SCMP_SYS(wait4), SCMP_SYS(waitid),
    };
    const struct filter_rule rules[] = {
        { SCMP_SYS(clone), 1, { BITS(0, CLONE_THREAD | CLONE_VM,
                                     CLONE_THREAD | CLONE_VM) } },
        { SCMP_SYS(setpriority), 1, { EQUAL(0, 0) } },  /* PRIO_PROCESS */
        { SCMP_SYS(ioprio_set), 1, { EQUAL(0, 1) } },   /* the same */
        { SCMP_SYS(tgkill), 1, { EQUAL(0, engine) } },
        { SCMP_SYS(prctl), 1, { EQUAL(0, PR_SET_NAME) } },
        { SCMP_SYS(prlimit64), 1, { ZERO(2) } },
    };
    const struct filter_rule refused[] = {
        /* Its flags are in memory, where a filter cannot see them: the C
         * library makes threads by clone() then. */
        { SCMP_SYS(clone3), 0, { { 0 } } },
    };
    int rc = add_calls(f, SCMP_ACT_ALLOW, calls, COUNT(calls));

    if (!rc)
        rc = filter_add(f, SCMP_ACT_ALLOW, rules, COUNT(rules));
    return rc ? rc :
        filter_add(f, SCMP_ACT_ERRNO(ENOSYS), refused, COUNT(refused));
}

static int allow_questions(scmp_filter_ctx f)
{
    static const int calls[] = {
        SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid),
        SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
        SCMP_SYS(getegid), SCMP_SYS(getrandom), SCMP_SYS(uname),
        SCMP_SYS(sysinfo), SCMP_SYS(times), SCMP_SYS(time),
        SCMP_SYS(gettimeofday), SCMP_SYS(clock_gettime),
        SCMP_SYS(clock_getres), SCMP_SYS(nanosleep),
        SCMP_SYS(clock_nanosleep),
    };

    return add_calls(f, SCMP_ACT_ALLOW, calls, COUNT(calls));
}

/* Whoever tries these is not us any more. */
static int kill_for(scmp_filter_ctx f)
{
    static const int calls[] = {
        SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace),
        SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
        SCMP_SYS(kcmp), SCMP_SYS(pidfd_getfd), SCMP_SYS(mount),
        SCMP_SYS(umount2), SCMP_SYS(move_mount), SCMP_SYS(fsopen),
        SCMP_SYS(fsmount), SCMP_SYS(open_tree), SCMP_SYS(mount_setattr),
        SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(unshare),
        SCMP_SYS(setns), SCMP_SYS(bpf), SCMP_SYS(perf_event_open),
        SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup),
        SCMP_SYS(init_module), SCMP_SYS(finit_module),
        SCMP_SYS(delete_module), SCMP_SYS(kexec_load),
        SCMP_SYS(kexec_file_load), SCMP_SYS(keyctl), SCMP_SYS(add_key),
        SCMP_SYS(request_key), SCMP_SYS(reboot), SCMP_SYS(swapon),
        SCMP_SYS(swapoff), SCMP_SYS(open_by_handle_at),
        SCMP_SYS(name_to_handle_at), SCMP_SYS(setuid), SCMP_SYS(setresuid),
        SCMP_SYS(setgid), SCMP_SYS(setresgid), SCMP_SYS(setgroups),
        SCMP_SYS(capset), SCMP_SYS(personality), SCMP_SYS(mknod),
        SCMP_SYS(mknodat), SCMP_SYS(memfd_create),
    };

    return add_calls(f, SCMP_ACT_KILL_PROCESS, calls, COUNT(calls));
}

static int fill(scmp_filter_ctx f, void *opaque)
{
    static int (*const parts[])(scmp_filter_ctx f) = {
        allow_files, allow_memory, allow_questions, kill_for,
    };
    const pid_t *engine = opaque;
    /* Sessions make some of the calls a million times. */
    int rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    size_t i;

    for (i = 0; i < COUNT(parts) && !rc; i++)
        rc = parts[i](f);
    return rc ? rc : allow_threads(f, *engine);
}

/* What the child makes, in memory that both have. */
struct made {
    int error;
    struct filter_program program;
};

/* For the child, which libseccomp may end or keep (filter_rules.h). */
static int make(struct made *m, pid_t engine)
{
    sigset_t alarms;
    int unread[2];

    /* What it may say when it is ended is nobody's to read, and /dev/null is
     * outside the root directory. */
    if (pipe2(unread, O_CLOEXEC | O_NONBLOCK))
        return -errno;
    dup2(unread[1], STDERR_FILENO);
    signal(SIGALRM, SIG_DFL);
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &alarms, NULL);
    alarm(MAKING_SECONDS);
    return filter_make(&m->program, SCMP_ACT_ERRNO(EPERM), fill, &engine);
}

static int make_in_child(struct made *m)
{
    pid_t engine = getpid(), child = fork();
    int status;

    if (child < 0)
        return -errno;
    if (child == 0) {
        m->error = make(m, engine);
        _exit(0);
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return status ? -ENOMEM : m->error;
}

int confinement_filter_load(void)
{
    struct made *m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int rc;

    if (m == MAP_FAILED)
        return -errno;
    rc = make_in_child(m);
    if (!rc)
        rc = filter_enter(&m->program, SECCOMP_FILTER_FLAG_TSYNC);
    munmap(m, sizeof(*m));
    return rc;
}
