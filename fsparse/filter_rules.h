/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Filters of system calls (seccomp(2)), as that of the parser and that of the
 * engine which talks to another host: their rules, and the programs that are
 * made of these.  Functions return 0 or a negative errno.
 *
 * libseccomp 2.5, when it gets no memory, may end the process, not come back,
 * or make another program and say that all is well: so each program is made
 * until two in succession are alike, and who must not end lets a process of its
 * own do it.
 */
#ifndef FSPARSE_FILTER_RULES_H
#define FSPARSE_FILTER_RULES_H

#include <linux/filter.h>
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

struct filter_program {
    unsigned short n;           /* instructions */
    struct sock_filter code[BPF_MAXINSNS];
};

/* Adds rules; those of calls that this architecture does not have are passed
 * over. */
int filter_add(scmp_filter_ctx f, uint32_t action,
               const struct filter_rule *rules, size_t n);

/* Makes the program of the rules that fill() adds: what no rule is about has
 * this action, a call of another architecture ends the process.  Takes two
 * descriptors meanwhile. */
int filter_make(struct filter_program *p, uint32_t action,
                int (*fill)(scmp_filter_ctx f, void *opaque), void *opaque);

/* From here on.  no_new_privs must be set.  flags: SECCOMP_FILTER_FLAG_TSYNC
 * for all threads, or 0. */
int filter_enter(const struct filter_program *p, unsigned flags);

#endif
