/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules of a filter of system calls; see filter_rules.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fsparse/filter_rules.h"

#define TRIES 4

/* A number below 0 is that of a call that this architecture does not have. */
int filter_add(scmp_filter_ctx f, uint32_t action,
               const struct filter_rule *rules, size_t n)
{
    size_t i;
    int rc = 0;

    for (i = 0; i < n && !rc; i++)
        if (rules[i].call >= 0)
            rc = seccomp_rule_add_array(f, action, rules[i].call, rules[i].n,
                                        rules[i].args);
    return rc;
}

static int export_to(int fd, uint32_t action,
                     int (*fill)(scmp_filter_ctx f, void *opaque), void *opaque)
{
    scmp_filter_ctx f = seccomp_init(action);
    int rc;

    if (!f)
        return -ENOMEM;
    rc = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (!rc)
        rc = fill(f, opaque);
    if (!rc)
        rc = seccomp_export_bpf(f, fd);
    seccomp_release(f);
    return rc;
}

/* A pipe that does not take the longest program at once would have only the
 * beginning of one. */
static int make_once(struct filter_program *p, uint32_t action,
                     int (*fill)(scmp_filter_ctx f, void *opaque),
                     void *opaque)
{
    int ends[2], rc;
    ssize_t n;

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
        return -errno;
    rc = fcntl(ends[1], F_GETPIPE_SZ) < (int)sizeof(p->code) ? -ENOBUFS :
        export_to(ends[1], action, fill, opaque);
    if (!rc) {
        n = read(ends[0], p->code, sizeof(p->code));
        if (n <= 0)
            rc = n ? -errno : -ENOMEM;
        else
            p->n = (unsigned short)((size_t)n / sizeof(p->code[0]));
    }
    close(ends[0]);
    close(ends[1]);
    return rc;
}

int filter_make(struct filter_program *p, uint32_t action,
                int (*fill)(scmp_filter_ctx f, void *opaque), void *opaque)
{
    struct filter_program *before = calloc(1, sizeof(*before));
    bool alike = false;
    int rc = -ENOMEM, tries;

    for (tries = 0; before && tries < TRIES && !alike; tries++) {
        if (!rc)
            *before = *p;
        rc = make_once(p, action, fill, opaque);
        alike = !rc && p->n == before->n &&
            !memcmp(p->code, before->code, p->n * sizeof(p->code[0]));
    }
    free(before);
    return alike ? 0 : rc ? rc : -ENOMEM;
}

int filter_enter(const struct filter_program *p, unsigned flags)
{
    struct sock_fprog program = {
        .len = p->n,
        .filter = (struct sock_filter *)p->code,    /* is only read */
    };
    long rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);

    /* more than 0: the thread that has another filter already */
    return rc < 0 ? -errno : rc > 0 ? -EBUSY : 0;
}
