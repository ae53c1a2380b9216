/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules of a filter of system calls; see filter_rules.h. */
#include "config.h"

#include <errno.h>

#include "fsparse/filter_rules.h"

int filter_begin(scmp_filter_ctx *f_r, uint32_t action)
{
    scmp_filter_ctx f = seccomp_init(action);
    int rc;

    if (!f)
        return -ENOMEM;
    rc = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (!rc)
        rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 0);
    if (rc)
        seccomp_release(f);
    else
        *f_r = f;
    return rc;
}

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
