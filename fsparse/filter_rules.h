/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules of a filter of system calls (seccomp(2)), as the parser's and that of
 * the engine which talks to another host are made of.  Functions return 0 or a
 * negative errno.
 */
#ifndef FSPARSE_FILTER_RULES_H
#define FSPARSE_FILTER_RULES_H

#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>

/* An argument of 32 bits; the others of the register say nothing. */
#define EQUAL(n, value) BITS(n, 0xffffffff, (uint32_t)(value))
#define BITS(n, mask, value) \
    SCMP_A##n##_64(SCMP_CMP_MASKED_EQ, (uint64_t)(mask), (uint64_t)(value))

struct filter_rule {
    int call;                   /* SCMP_SYS() */
    unsigned n;                 /* arguments that are compared, all at once */
    struct scmp_arg_cmp args[2];
};

/* Begins a filter, for seccomp_release(): what no rule is about has this
 * action, a call of another architecture ends the process.  no_new_privs is the
 * caller's to set. */
int filter_begin(scmp_filter_ctx *f_r, uint32_t action);

/* Adds rules; those of calls that this architecture does not have are passed
 * over. */
int filter_add(scmp_filter_ctx f, uint32_t action,
               const struct filter_rule *rules, size_t n);

#endif
