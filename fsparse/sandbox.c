/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sandbox: see sandbox.h.
 *
 * The parser is started by root in dom0, by root in a container, or by an
 * ordinary user (xl-dedup scan), with user namespaces or without.  So most
 * layers are taken where they are to be had; only those that every kernel
 * gives to everybody are required, and for root another user id.  What a
 * layer's `holds` sees decides, not what its `enter` has returned.
 *
 * There is no PID namespace: a process enters one by being forked, and the
 * one that stays outside would have to pass on the status.  What it would give
 * is there without it: the filter has no clone, so that the parser is alone
 * and ends whole, and no call that names another process.  Nor is there a
 * cgroup of its own: memory and time are limited by RLIMIT_AS and RLIMIT_CPU,
 * which for one process with one thread is the same.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fsparse/privileges.h"
#include "fsparse/sandbox.h"
#include "fsparse/sandbox_filter.h"
#include "fsparse/sandbox_landlock.h"

#define MEMORY_MAX ((rlim_t)4 << 30)    /* address space, bytes */
#define CPU_SECONDS_MAX 600

struct context {
    int image_fd, out_fd;
    bool root;                  /* when it was started */
    bool filtered;
    pid_t parent;
    bool own_mounts;            /* what is mounted now shows nowhere else */
    struct filter_program filter;
    int filter_error;           /* a negative errno: it could not be made */
};

static int result(int r)
{
    return r ? -errno : 0;
}

/* Namespaces.  Root can have them as it is; everybody else only together with
 * a user namespace, in which no id is mapped, so that its capabilities are
 * worth something in the others alone. */
static int enter_user_namespace(struct context *c)
{
    (void)c;
    return result(unshare(CLONE_NEWUSER));
}

static int enter_mount_namespace(struct context *c)
{
    if (unshare(CLONE_NEWNS) ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
        return -errno;
    c->own_mounts = true;
    return 0;
}

static int enter_network_namespace(struct context *c)
{
    (void)c;
    return result(unshare(CLONE_NEWNET));
}

static int enter_ipc_namespace(struct context *c)
{
    (void)c;
    return result(unshare(CLONE_NEWIPC));
}

static int enter_uts_namespace(struct context *c)
{
    (void)c;
    return result(unshare(CLONE_NEWUTS));
}

/* An empty read-only file system becomes the root.  It is mounted where every
 * system has a directory, in our mount namespace only; root alone could have
 * written to it between the calls. */
static int empty_root(struct context *c)
{
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

    /* Else it would be the host's. */
    if (!c->own_mounts)
        return -EPERM;
    if (mount("none", "/proc", "tmpfs", flags, "size=4k,nr_inodes=1,mode=555"))
        return -errno;
    if (chdir("/proc") || syscall(SYS_pivot_root, ".", "."))
        return -errno;
    /* The old root lies over the new one now. */
    if (umount2(".", MNT_DETACH) || chdir("/"))
        return -errno;
    return result(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY |
                        flags, NULL));
}

static bool root_is_empty(const struct context *c)
{
    const struct dirent *entry;
    DIR *d = opendir("/");
    bool empty = d != NULL;

    (void)c;
    while (d && (entry = readdir(d)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            empty = false;
    if (d)
        closedir(d);
    return empty && access("/proc", F_OK) && errno == ENOENT;
}

/* Before the user id, which takes the right to do this. */
static int drop_bounding_set(struct context *c)
{
    (void)c;
    return privileges_empty_bounding_set();
}

static bool bounding_set_is_empty(const struct context *c)
{
    (void)c;
    return privileges_bounding_set_is_empty();
}

static int become_nobody(struct context *c)
{
    (void)c;
    return privileges_become_nobody();
}

static bool is_nobody(const struct context *c)
{
    (void)c;
    return privileges_are_nobodys();
}

static int drop_capabilities(struct context *c)
{
    (void)c;
    return privileges_drop_capabilities();
}

static bool has_no_capabilities(const struct context *c)
{
    (void)c;
    return privileges_have_no_capabilities();
}

static int set_no_new_privs(struct context *c)
{
    (void)c;
    return result(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

static bool has_no_new_privs(const struct context *c)
{
    (void)c;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static int set_not_dumpable(struct context *c)
{
    (void)c;
    return result(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

static bool is_not_dumpable(const struct context *c)
{
    (void)c;
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0;
}

/* After the user id: its change would undo this. */
static int end_with_parent(struct context *c)
{
    (void)c;
    return result(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
}

static bool ends_with_parent(const struct context *c)
{
    int signal_number = 0;

    return prctl(PR_GET_PDEATHSIG, &signal_number, 0, 0, 0) == 0 &&
        signal_number == SIGKILL && getppid() == c->parent;
}

/* NOFILE says how large the number of a new descriptor may be, so that 0 leaves
 * those that are open.  FSIZE is of files; a pipe has no size. */
static const struct limit {
    int resource;
    rlim_t value;
} limits[] = {
#if !SANDBOX_INSTRUMENTED
    { RLIMIT_AS, MEMORY_MAX },
    { RLIMIT_NOFILE, 0 },
    { RLIMIT_NPROC, 0 },
#endif
    { RLIMIT_CPU, CPU_SECONDS_MAX },
    { RLIMIT_FSIZE, 0 },
    { RLIMIT_CORE, 0 },
    { RLIMIT_MEMLOCK, 0 },
    { RLIMIT_MSGQUEUE, 0 },
};

static int set_limits(struct context *c)
{
    struct rlimit now, r;
    size_t i;

    (void)c;
    for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        if (getrlimit(limits[i].resource, &now))
            return -errno;
        r.rlim_max = limits[i].value;
        if (now.rlim_max < r.rlim_max)
            r.rlim_max = now.rlim_max;
        r.rlim_cur = r.rlim_max;
        if (setrlimit(limits[i].resource, &r))
            return -errno;
    }
    return 0;
}

static bool has_limits(const struct context *c)
{
    struct rlimit now;
    size_t i;

    (void)c;
    for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        if (getrlimit(limits[i].resource, &now) ||
            now.rlim_cur > limits[i].value || now.rlim_max > limits[i].value)
            return false;
    return true;
}

static int enter_landlock(struct context *c)
{
    (void)c;
    return landlock_forbid_all();
}

static bool landlock_holds(const struct context *c)
{
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)c;
    if (fd >= 0)
        close(fd);
    return fd < 0 && errno == EACCES;
}

static int enter_filter(struct context *c)
{
    if (SANDBOX_INSTRUMENTED)
        return -EOPNOTSUPP;
    return c->filter_error ? c->filter_error : filter_enter(&c->filter, 0);
}

enum need {
    OPTIONAL,
    REQUIRED,
    REQUIRED_OF_ROOT,           /* others do not take it */
    OPTIONAL_OF_OTHERS,         /* root does not take it */
};

/* In this order: what needs rights or descriptors comes before what takes
 * them.  holds NULL: nobody can look from inside, what enter says counts. */
static const struct layer {
    const char *name;
    enum need need;
    int (*enter)(struct context *c);
    bool (*holds)(const struct context *c);
} layers[] = {
    { "user namespace", OPTIONAL_OF_OTHERS, enter_user_namespace, NULL },
    { "mount namespace", OPTIONAL, enter_mount_namespace, NULL },
    { "network namespace", OPTIONAL, enter_network_namespace, NULL },
    { "IPC namespace", OPTIONAL, enter_ipc_namespace, NULL },
    { "UTS namespace", OPTIONAL, enter_uts_namespace, NULL },
    { "empty root directory", OPTIONAL, empty_root, root_is_empty },
    { "empty bounding set, securebits locked", OPTIONAL, drop_bounding_set,
      bounding_set_is_empty },
    { "unprivileged user and group", REQUIRED_OF_ROOT, become_nobody,
      is_nobody },
    { "no capabilities", REQUIRED, drop_capabilities, has_no_capabilities },
    { "no new privileges", REQUIRED, set_no_new_privs, has_no_new_privs },
    { "Landlock with nothing allowed", OPTIONAL, enter_landlock,
      landlock_holds },
    { "not dumpable", REQUIRED, set_not_dumpable, is_not_dumpable },
    { "end with the parent", REQUIRED, end_with_parent, ends_with_parent },
    { "resource limits", REQUIRED, set_limits, has_limits },
    { "filter of system calls", SANDBOX_INSTRUMENTED ? OPTIONAL : REQUIRED,
      enter_filter, NULL },
};

static void take(const struct layer *l, struct context *c,
                 struct sandbox_layer *r)
{
    int rc = l->enter(c);

    r->name = l->name;
    r->required = l->need == REQUIRED || l->need == REQUIRED_OF_ROOT;
    r->holds = l->holds ? l->holds(c) : !rc;
    r->error = r->holds ? 0 : -rc;
}

static bool is_taken(const struct layer *l, const struct context *c)
{
    if (l->enter == enter_filter && !c->filtered)
        return false;
    return c->root ? l->need != OPTIONAL_OF_OTHERS :
        l->need != REQUIRED_OF_ROOT;
}

int sandbox_enter(struct sandbox *s, int image_fd, int out_fd, bool filtered)
{
    struct context c = {
        .image_fd = image_fd,
        .out_fd = out_fd,
        .root = geteuid() == 0,
        .filtered = filtered,
        .parent = getppid(),
    };
    size_t i;

    *s = (struct sandbox){ 0 };
    /* The layers leave no descriptor to make it with. */
    if (filtered && !SANDBOX_INSTRUMENTED)
        c.filter_error = sandbox_filter_make(&c.filter, image_fd, out_fd);
    for (i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
        struct sandbox_layer *r = &s->layers[s->n];

        if (!is_taken(&layers[i], &c))
            continue;
        take(&layers[i], &c, r);
        s->n++;
        if (r->required && !r->holds)
            return r->error ? -r->error : -EPERM;
    }
    return 0;
}
