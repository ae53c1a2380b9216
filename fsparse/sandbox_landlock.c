/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sandbox_landlock: see sandbox_landlock.h.
 *
 * The kernel is asked at run time what it knows (Debian 12's says 2, Debian
 * 13's 6), and the numbers are given here: the header that we are built with
 * may be older than the kernel that we run on.
 */
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fsparse/sandbox_landlock.h"

#ifndef SYS_landlock_create_ruleset     /* the same on every architecture */
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self 446
#endif
#define ASK_VERSION 1u

/* The kernel's struct landlock_ruleset_attr. */
struct ruleset {
    uint64_t files;
    uint64_t network;           /* from ABI 4 on */
    uint64_t scoped;            /* from ABI 6 on */
};

#define LOWEST(n) ((UINT64_C(1) << (n)) - 1)

/* How many rights there are, by ABI. */
static uint64_t file_rights(long abi)
{
    return abi >= 5 ? LOWEST(16) :      /* and ioctl of devices */
        abi >= 3 ? LOWEST(15) :         /* and truncation */
        abi >= 2 ? LOWEST(14) :         /* and links across directories */
        LOWEST(13);
}

int landlock_forbid_all(void)
{
    struct ruleset r = { 0 };
    size_t size = offsetof(struct ruleset, network);
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION);
    int fd, rc;

    if (abi < 0)
        return -errno;
    r.files = file_rights(abi);
    if (abi >= 4) {
        r.network = LOWEST(2);          /* bind and connect of TCP */
        size = offsetof(struct ruleset, scoped);
    }
    if (abi >= 6) {
        r.scoped = LOWEST(2);           /* abstract sockets and signals */
        size = sizeof(r);
    }
    fd = (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
    if (fd < 0)
        return -errno;
    rc = syscall(SYS_landlock_restrict_self, fd, 0) ? -errno : 0;
    close(fd);
    return rc;
}
