/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory that a peer may have a process take up; see budget.h. */
#include "config.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "plugin/base/budget.h"

#define DEFAULT_MOST (UINT64_C(4) << 30)

struct budget {
    uint64_t limit;
    atomic_uint_fast64_t taken;
    /* The first refusal; the pointer is set last. */
    atomic_flag refused;
    uint64_t wanted;
    uint64_t had;               /* that was taken then */
    _Atomic(const char *) what;
};

uint64_t budget_default(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t half = pages > 0 && page > 0 ?
        (uint64_t)pages * (uint64_t)page / 2 : DEFAULT_MOST;

    return half < DEFAULT_MOST ? half : DEFAULT_MOST;
}

int budget_new(struct budget **b_r, uint64_t limit)
{
    struct budget *b = calloc(1, sizeof(*b));

    if (!b)
        return -ENOMEM;
    b->limit = limit ? limit : budget_default();
    *b_r = b;
    return 0;
}

void budget_free(struct budget *b)
{
    free(b);
}

static void note_refusal(struct budget *b, uint64_t bytes, uint64_t taken,
                         const char *what)
{
    if (atomic_flag_test_and_set(&b->refused))
        return;
    b->wanted = bytes;
    b->had = taken;
    atomic_store(&b->what, what);
}

/* *taken_r: what was taken before. */
static bool take(struct budget *b, uint64_t bytes, uint64_t limit,
                 uint64_t *taken_r)
{
    uint_fast64_t taken = atomic_load(&b->taken);

    do {
        *taken_r = taken;
        if (taken > limit || bytes > limit - taken)
            return false;
    } while (!atomic_compare_exchange_weak(&b->taken, &taken, taken + bytes));
    return true;
}

int budget_take(struct budget *b, uint64_t bytes, const char *what)
{
    uint64_t taken;

    if (!b || take(b, bytes, b->limit, &taken))
        return 0;
    note_refusal(b, bytes, taken, what);
    return -ENOBUFS;
}

bool budget_take_spare(struct budget *b, uint64_t bytes)
{
    uint64_t taken;

    return !b || take(b, bytes, b->limit / 2, &taken);
}

void budget_give(struct budget *b, uint64_t bytes)
{
    if (b)
        atomic_fetch_sub(&b->taken, bytes);
}

uint64_t budget_taken(const struct budget *b)
{
    return b ? atomic_load(&b->taken) : 0;
}

bool budget_explain(const struct budget *b, char *text, size_t size)
{
    const char *what = b ? atomic_load(&b->what) : NULL;

    if (!what)
        return false;
    snprintf(text, size, "memory for %s is refused: %.1f MB, when %.1f MB of "
             "the %.1f MB that a session may have take up here were in use; "
             "'memory-limit = BYTES' in xl-dedup.conf of this host sets "
             "another limit", what, b->wanted / 1e6, b->had / 1e6,
             b->limit / 1e6);
    return true;
}
