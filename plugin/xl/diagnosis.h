/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a look at hosts and guests has found: what it is, why it matters, and
 * what to do.  A list of them, in the order in which they were found.
 */
#ifndef PLUGIN_XL_DIAGNOSIS_H
#define PLUGIN_XL_DIAGNOSIS_H

#include <stdbool.h>
#include <stddef.h>

enum finding_level {
    FINDING_OK,                 /* looked at, and as it is to be */
    FINDING_WARNING,            /* the migration is worse for it */
    FINDING_ERROR,              /* it would fail, or the guest after it */
};

struct finding {
    enum finding_level level;
    const char *check;          /* which one; a constant word */
    char *where;                /* printable, as what is */
    char *what;
    const char *why;            /* constant; "" of FINDING_OK */
    const char *way;            /* what to do; constant; "" of FINDING_OK */
};

struct diagnosis {
    struct finding *list;
    size_t n;
    bool failed;                /* for want of memory not all are there */
};

#define DIAGNOSIS_INIT { NULL, 0, false }

/* Adds one.  check, why and way stay with the caller, and are to be constant.
 * The rest is made printable (base/escape.h), whoever chose it. */
void diagnosis_add(struct diagnosis *f, enum finding_level level,
                   const char *check, const char *where, const char *why,
                   const char *way, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));

/* How many there are of a level. */
size_t diagnosis_count(const struct diagnosis *f, enum finding_level level);

/* "error", "warning", "ok". */
const char *finding_level_name(enum finding_level level);

void diagnosis_release(struct diagnosis *f);

#define finding_ok(f, check, where, ...) \
    diagnosis_add(f, FINDING_OK, check, where, "", "", __VA_ARGS__)

#endif
