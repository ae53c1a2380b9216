/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is left of something that a session may use: memory, or questions that
 * it answers.  It is counted before it is used, by any thread.
 */
#ifndef PLUGIN_BASE_ALLOWANCE_H
#define PLUGIN_BASE_ALLOWANCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Takes n of it; false: so much is not left, and nothing was taken. */
static inline bool allowance_take(atomic_size_t *left, size_t n)
{
    size_t now = atomic_load(left);

    while (now >= n)
        if (atomic_compare_exchange_weak(left, &now, now - n))
            return true;
    return false;
}

/* Gives n back that was taken. */
static inline void allowance_give(atomic_size_t *left, size_t n)
{
    atomic_fetch_add(left, n);
}

#endif
