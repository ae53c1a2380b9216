/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the index of this host is, who may change it, and opening it: the store
 * with every record of it visited before.
 */
#ifndef PLUGIN_INDEX_INDEX_OPEN_H
#define PLUGIN_INDEX_INDEX_OPEN_H

#include <stdbool.h>

#include "plugin/index/store.h"

/* The directory of the index below a state directory, for free(); NULL: no
 * memory. */
char *index_directory(const char *state_dir);

/* Makes the state directory that an index's directory is in.  0 or a negative
 * errno. */
int index_prepare(const char *directory);

/* Takes the lock of those who change the index.  wait: until nobody else has
 * it.  Returns a descriptor that holds it until it is closed, or a negative
 * errno: -EWOULDBLOCK if somebody else has it. */
int index_lock(const char *directory, bool wait);
/* The same in steps, for a process that cannot open files when it wants the
 * lock: opens it; takes it, 0 or a negative errno; lets go of it.  Whoever has
 * the descriptor has the lock, so threads need one of their own besides. */
int index_lock_open(const char *directory);
int index_lock_take(int fd, bool wait);
void index_lock_give(int fd);

/* Do what store_open() and store_verify() do, with the check of an index. */
int index_open(struct store **s_r, const char *directory,
               const struct store_options *opt);
int index_verify(const char *directory);

#endif
