/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory that a peer may have a process take up.
 *
 * Whoever keeps something whose size or number a peer decides takes as many
 * bytes from the session's budget before it allocates them, and gives them back
 * when it frees them.  What is bounded by a constant (docs/security.md has the
 * list) is not counted.  The numbers are what is asked of malloc(); what that
 * adds for itself is not known here.
 *
 * All functions but budget_new() and budget_free() are safe for any number of
 * threads, and none of them waits.  A budget may be NULL: everything is
 * granted.
 */
#ifndef PLUGIN_BASE_BUDGET_H
#define PLUGIN_BASE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct budget;

/* What a session gets of which nothing was configured, in bytes: 4 GiB, but
 * half of this host's memory at most. */
uint64_t budget_default(void);

/* limit: bytes; 0: budget_default().  *b_r is for budget_free().  -ENOMEM. */
int budget_new(struct budget **b_r, uint64_t limit);
void budget_free(struct budget *b);

/* 0, or -ENOBUFS: that is more than is left, and nothing was taken.  what: for
 * whom, in words that follow "memory for"; it has to live as long as the
 * budget.  The first refusal is kept for budget_explain(). */
int budget_take(struct budget *b, uint64_t bytes, const char *what);

/* The same for what one can do without: false, if more than half of the budget
 * would be taken then.  That is no refusal. */
bool budget_take_spare(struct budget *b, uint64_t bytes);

/* Gives back what was taken. */
void budget_give(struct budget *b, uint64_t bytes);

/* How many bytes are taken. */
uint64_t budget_taken(const struct budget *b);

/* Writes what was refused, and the way out, to text: one line without a full
 * stop.  False, and nothing is written: nothing was refused. */
bool budget_explain(const struct budget *b, char *text, size_t size);

#endif
