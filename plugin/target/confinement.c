/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the target's engine gives up; see confinement.h.
 * Source: capabilities(7), credentials(7), nptl(7), chroot(2), fsmount(2). */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fsparse/privileges.h"
#include "fsparse/sandbox.h"
#include "plugin/base/log.h"
#include "plugin/target/confinement.h"
#include "plugin/target/confinement_filter.h"

/* An empty file system that is mounted nowhere, read-only. */
static int mount_nothing(void)
{
    int context = fsopen("tmpfs", FSOPEN_CLOEXEC), fd = -1, rc;

    if (context < 0)
        return -errno;
    if (!fsconfig(context, FSCONFIG_SET_STRING, "size", "4k", 0) &&
        !fsconfig(context, FSCONFIG_SET_STRING, "mode", "555", 0) &&
        !fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
        fd = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY |
                     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                     MOUNT_ATTR_NOEXEC);
    rc = fd < 0 ? -errno : fd;
    close(context);
    return rc;
}

/* The threads have one root directory in common. */
static int empty_root(void)
{
    int fd = mount_nothing(), rc;

    if (fd < 0)
        return fd;
    rc = fchdir(fd) || chroot(".") ? -errno : 0;
    close(fd);
    return rc;
}

static int become_nobody(void)
{
    int rc = privileges_become_nobody();

    return rc ? rc : privileges_are_nobodys() ? 0 : -EPERM;
}

static int drop_capabilities(void)
{
    int rc = privileges_drop_capabilities();

    return rc ? rc : privileges_have_no_capabilities() ? 0 : -EPERM;
}

/* The filter passes it on to the other threads (seccomp(2)). */
static int set_no_new_privs(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}

/* What is in memory is others' secrets, and content of other guests' disks. */
static int keep_memory(void)
{
    const struct rlimit none = { 0, 0 };

    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ||
        setrlimit(RLIMIT_CORE, &none) ? -errno : 0;
}

/* In this order: what needs rights comes before what takes them.  A root
 * directory of its own cannot be had in every container; nothing can be opened
 * below the host's either. */
static const struct layer {
    const char *name;
    int (*enter)(void);
    bool of_root;               /* others cannot, and need not */
    bool required;
} layers[] = {
    { "an empty root directory", empty_root, true, false },
    { "a user without rights", become_nobody, true, true },
    { "no capabilities", drop_capabilities, false, true },
    { "no new privileges", set_no_new_privs, false, true },
    { "memory that nobody else reads", keep_memory, false, true },
    { "a filter of system calls", confinement_filter_load, false, true },
};

int confinement_enter(char *why, size_t size)
{
    bool root = geteuid() == 0;
    size_t i;
    int rc;

    if (SANDBOX_INSTRUMENTED)
        return 0;
    for (i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
        if (layers[i].of_root && !root)
            continue;
        rc = layers[i].enter();
        if (rc && layers[i].required)
            return explain(why, size, rc, "xl-dedup there cannot give up its "
                           "rights before it takes content: %s cannot be had: "
                           "%s", layers[i].name, strerror(-rc));
    }
    return 0;
}
