/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The index that a session of the target uses: the host's; or, if that cannot be
 * written to and lacks something, one of its own in a temporary directory.  It
 * is opened once, with what takes the right to open files.
 */
#ifndef PLUGIN_TARGET_SESSION_INDEX_H
#define PLUGIN_TARGET_SESSION_INDEX_H

#include <stdbool.h>

#include "plugin/index/store.h"

struct session_index {
    bool keep;                  /* set before: nothing is written to the
                                   host's */
    char *directory;
    bool temporary;
    bool writable;              /* it is the host's, and open for that */
    struct store *store;        /* NULL: there is none */
    int lock_fd;                /* of those who change the host's
                                   (index_lock_take()), or -1 */
};

#define SESSION_INDEX_INIT { .lock_fd = -1 }

/*
 * Opens it.  suffices: whether the host's, which is open for reading only, has
 * all that is wanted; NULL: there is nothing to be found, and only the host's
 * will do, if it can be written to.  0, or a negative errno, logged but for
 * that: then there is none.
 */
int session_index_open(struct session_index *x, const char *state_dir,
                       bool (*suffices)(void *opaque), void *opaque);
void session_index_close(struct session_index *x);

/* Removes a temporary one; whoever has it open may go on. */
void session_index_remove(const struct session_index *x);

#endif
