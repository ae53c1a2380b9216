/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Giving up what root has; see privileges.h. */
#include "config.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fsparse/privileges.h"

#define NOBODY 65534
/* The ids 1879048192 to 2147483647 are given to nobody (systemd's UIDS-GIDS
 * leaves them unused, as does Debian's policy); with the number of the
 * process added two processes do not have the same.  Nothing is looked up,
 * since that would load modules of the name service. */
#define UNUSED_IDS 1879048192u

int privileges_empty_bounding_set(void)
{
    const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
        SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
        SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    int i;

    for (i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
        if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0))
            return -errno;
    return prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) ? -errno : 0;
}

bool privileges_bounding_set_is_empty(void)
{
    int i, r;

    for (i = 0; (r = prctl(PR_CAPBSET_READ, i, 0, 0, 0)) >= 0; i++)
        if (r)
            return false;
    r = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
    return r >= 0 && r & SECBIT_NOROOT_LOCKED;
}

static int change_to(uid_t id)
{
    return setresgid(id, id, id) || setresuid(id, id, id) ? -errno : 0;
}

int privileges_become_nobody(void)
{
    int rc;

    if (setgroups(0, NULL))
        return -errno;
    rc = change_to(UNUSED_IDS + (uid_t)getpid());
    /* A container has only some of the ids. */
    return rc == -EINVAL ? change_to(NOBODY) : rc;
}

bool privileges_are_nobodys(void)
{
    uid_t u[3];
    gid_t g[3];

    return getresuid(&u[0], &u[1], &u[2]) == 0 && u[0] &&
        u[0] == u[1] && u[0] == u[2] &&
        getresgid(&g[0], &g[1], &g[2]) == 0 && g[0] &&
        g[0] == g[1] && g[0] == g[2] && getgroups(0, NULL) == 0;
}

int privileges_drop_capabilities(void)
{
    struct __user_cap_header_struct h = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    const struct __user_cap_data_struct none[2] = { { 0 } };

    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
        return -errno;
    return syscall(SYS_capset, &h, none) ? -errno : 0;
}

bool privileges_have_no_capabilities(void)
{
    struct __user_cap_header_struct h = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    struct __user_cap_data_struct d[2];

    /* Ambient ones are a part of the inheritable ones. */
    return syscall(SYS_capget, &h, d) == 0 &&
        !d[0].effective && !d[0].permitted && !d[0].inheritable &&
        !d[1].effective && !d[1].permitted && !d[1].inheritable;
}
