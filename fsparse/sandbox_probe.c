/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sandbox_probe: see sandbox_probe.h.
 *
 * System calls are made directly: what a library checks before it calls the
 * kernel would be mistaken for the sandbox.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "fsparse/sandbox.h"
#include "fsparse/sandbox_probe.h"

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

struct target {
    int image_fd;
    pid_t parent;
};

/* All that a child of ours would do. */
static long end_child(long r)
{
    if (r == 0)
        _exit(0);
    return r;
}

static long try_open(const struct target *t)
{
    (void)t;
    return syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
}

static long try_open2(const struct target *t)
{
    const uint64_t how[3] = { O_RDONLY };

    (void)t;
    return syscall(SYS_openat2, AT_FDCWD, "/", how, sizeof(how));
}

static long try_create(const struct target *t)
{
    (void)t;
#ifdef SYS_creat
    return syscall(SYS_creat, "/tmp/xl-dedup-sandbox-check", 0600);
#else
    return syscall(SYS_openat, AT_FDCWD, "/tmp/xl-dedup-sandbox-check",
                   O_WRONLY | O_CREAT | O_EXCL, 0600);
#endif
}

static long try_reopen(const struct target *t)
{
    char path[40];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", t->image_fd);
    return syscall(SYS_openat, AT_FDCWD, path, O_RDWR);
}

static long try_write_image(const struct target *t)
{
    return syscall(SYS_write, t->image_fd, "x", 1);
}

static long try_pwrite_image(const struct target *t)
{
    return syscall(SYS_pwrite64, t->image_fd, "x", 1, 0);
}

static long try_map_image(const struct target *t)
{
    return syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
                   t->image_fd, 0);
}

static long try_truncate_image(const struct target *t)
{
    return syscall(SYS_ftruncate, t->image_fd, 0);
}

static long try_tcp_socket(const struct target *t)
{
    (void)t;
    return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static long try_unix_socket(const struct target *t)
{
    (void)t;
    return syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
}

static long try_connect(const struct target *t)
{
    const struct sockaddr_un to = { .sun_family = AF_UNIX,
                                    .sun_path = "/run/xenstored/socket" };
    int fd = (int)syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);

    return syscall(SYS_connect, fd < 0 ? t->image_fd : fd, &to, sizeof(to));
}

static long try_fork(const struct target *t)
{
    (void)t;
#ifdef SYS_fork
    return end_child(syscall(SYS_fork));
#else
    return end_child(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
#endif
}

static long try_clone(const struct target *t)
{
    (void)t;
    return end_child(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

static long try_clone3(const struct target *t)
{
    const uint64_t args[8] = { [4] = SIGCHLD };

    (void)t;
    return end_child(syscall(SYS_clone3, args, sizeof(args)));
}

/* Not vfork's call itself: its child would return into our frame. */
static long try_vfork(const struct target *t)
{
    (void)t;
    return end_child(syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0));
}

static long try_exec(const struct target *t)
{
    char *const argv[] = { (char *)"true", NULL };
    char *const env[] = { NULL };

    (void)t;
    return syscall(SYS_execve, "/bin/true", argv, env);
}

static long try_ptrace(const struct target *t)
{
    return syscall(SYS_ptrace, PTRACE_SEIZE, t->parent, 0, 0);
}

static long try_read_parent(const struct target *t)
{
    char byte;
    const struct iovec to = { &byte, 1 };
    const struct iovec from = { (void *)(uintptr_t)&try_read_parent, 1 };

    return syscall(SYS_process_vm_readv, t->parent, &to, 1, &from, 1, 0);
}

/* Signal 0: is it allowed?  The parent shall survive it. */
static long try_kill(const struct target *t)
{
    return syscall(SYS_kill, t->parent, 0);
}

static long try_kill_thread(const struct target *t)
{
    return syscall(SYS_tgkill, t->parent, t->parent, 0);
}

static long try_prctl(const struct target *t)
{
    (void)t;
    return syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static long try_prlimit(const struct target *t)
{
    const struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

    (void)t;
    return syscall(SYS_prlimit64, 0, RLIMIT_FSIZE, &limit, NULL);
}

static long try_setrlimit(const struct target *t)
{
    const struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

    (void)t;
    return syscall(SYS_setrlimit, RLIMIT_NPROC, &limit);
}

static long try_setuid(const struct target *t)
{
    (void)t;
    return syscall(SYS_setuid, 0);
}

static long try_mount(const struct target *t)
{
    (void)t;
    return syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL);
}

static long try_unshare(const struct target *t)
{
    (void)t;
    return syscall(SYS_unshare, CLONE_NEWUSER);
}

static long try_chroot(const struct target *t)
{
    (void)t;
    return syscall(SYS_chroot, "/");
}

static long try_io_uring(const struct target *t)
{
    struct io_uring_params p = { 0 };

    (void)t;
    return syscall(SYS_io_uring_setup, 1, &p);
}

static long try_bpf(const struct target *t)
{
    const union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY,
                                  .key_size = 4, .value_size = 4,
                                  .max_entries = 1 };

    (void)t;
    return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static long try_userfaultfd(const struct target *t)
{
    (void)t;
    return syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* faults of ours only */);
}

static long try_keyctl(const struct target *t)
{
    (void)t;
    return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID,
                   KEY_SPEC_PROCESS_KEYRING, 1);
}

static long try_memfd(const struct target *t)
{
    (void)t;
    return syscall(SYS_memfd_create, "x", 0);
}

static long try_executable_memory(const struct target *t)
{
    (void)t;
    return syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long try_make_executable(const struct target *t)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)t;
    return syscall(SYS_mprotect, p, 4096, PROT_READ | PROT_EXEC);
}

static long try_ioctl(const struct target *t)
{
    int n;

    return syscall(SYS_ioctl, t->image_fd, 0x541b /* FIONREAD */, &n);
}

static const struct attempt {
    const char *name;
    long (*make)(const struct target *t);
} attempts[] = {
    { "open a file", try_open },
    { "open a file with openat2", try_open2 },
    { "create a file", try_create },
    { "open the image again for writing", try_reopen },
    { "write to the image", try_write_image },
    { "write to the image with pwrite", try_pwrite_image },
    { "map the image for writing", try_map_image },
    { "truncate the image", try_truncate_image },
    { "send the image's device a command", try_ioctl },
    { "make an internet socket", try_tcp_socket },
    { "make a Unix socket", try_unix_socket },
    { "connect to xenstored", try_connect },
    { "fork", try_fork },
    { "vfork", try_vfork },
    { "clone", try_clone },
    { "clone with clone3", try_clone3 },
    { "execute a program", try_exec },
    { "trace the parent", try_ptrace },
    { "read the parent's memory", try_read_parent },
    { "kill the parent", try_kill },
    { "signal a thread of the parent", try_kill_thread },
    { "become dumpable with prctl", try_prctl },
    { "raise a limit with prlimit", try_prlimit },
    { "raise a limit with setrlimit", try_setrlimit },
    { "become root with setuid", try_setuid },
    { "mount a file system", try_mount },
    { "unshare a user namespace", try_unshare },
    { "change the root directory", try_chroot },
    { "set up io_uring", try_io_uring },
    { "load into bpf", try_bpf },
    { "take page faults with userfaultfd", try_userfaultfd },
    { "use the kernel's keyrings", try_keyctl },
    { "make a file in memory", try_memfd },
    { "map memory to execute", try_executable_memory },
    { "make memory executable", try_make_executable },
};

/* A pipe takes a line of this size at once. */
static int say(int fd, char mark, const char *text, const char *more)
{
    char line[256];
    int n = snprintf(line, sizeof(line), "%c%s%s%s\n", mark, text,
                     *more ? ": " : "", more);

    return write(fd, line, (size_t)n) == n ? 0 : 1;
}

static int answer_check(int image_fd, int out_fd)
{
    const struct sandbox_layer *l;
    struct sandbox s;
    int rc = 0;
    size_t i;

    sandbox_enter(&s, image_fd, out_fd, true);
    for (i = 0; i < s.n && !rc; i++) {
        l = &s.layers[i];
        rc = say(out_fd, l->holds ? '+' : l->required ? '!' : '-', l->name,
                 l->error ? strerror(l->error) : "");
    }
    return rc;
}

static int answer_attempt(size_t number, bool filtered, int image_fd,
                          int out_fd)
{
    const struct target t = { .image_fd = image_fd, .parent = getppid() };
    const struct attempt *a = &attempts[number];
    struct sandbox s;
    long r;
    int rc;

    if (number >= sizeof(attempts) / sizeof(attempts[0]))
        return 0;
    if (say(out_fd, ' ', a->name, ""))
        return 1;
    rc = sandbox_enter(&s, image_fd, out_fd, filtered);
    if (rc)
        return say(out_fd, '!', "no sandbox", "");
    r = a->make(&t);
    return say(out_fd, r == -1 ? '+' : '!', r == -1 ? strerror(errno) :
               "done", "");
}

bool probe_is_task(const char *task)
{
    return !strcmp(task, "check") || !strncmp(task, "try ", 4) ||
        !strncmp(task, "bare ", 5);
}

int probe_answer(const char *task, int image_fd, int out_fd)
{
    bool filtered = *task == 't';

    if (!strcmp(task, "check"))
        return answer_check(image_fd, out_fd);
    return answer_attempt(strtoul(task + (filtered ? 4 : 5), NULL, 10),
                          filtered, image_fd, out_fd);
}
