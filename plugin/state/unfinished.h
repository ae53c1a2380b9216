/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unfinished copies: staging files that failed tries left on this host.  They
 * are kept for the next try, which may never come, so those that nobody went
 * on with for a while are pointed out.
 */
#ifndef PLUGIN_STATE_UNFINISHED_H
#define PLUGIN_STATE_UNFINISHED_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/state/record.h"

/* Whether a record is of a staging file. */
bool unfinished_is_staging(const struct record *r);

/* Whether a record is of something begun: a staging file, or a device that is
 * not complete. */
bool unfinished_is_begun(const struct record *r);

/* Seconds since a staging file was written to, or since the record was made. */
int64_t unfinished_age(const struct record *r);

/* Bytes of storage that a file takes; 0 if it is gone. */
uint64_t unfinished_bytes(const char *path);

struct unfinished {
    unsigned count;
    uint64_t bytes;             /* of storage that they take */
};

/* Counts the unfinished copies that are at least this old, other than those of
 * the guest or image with this UUID (may be NULL), whose next try is here.
 * days: 0 for none at all. */
void unfinished_count(const char *state_dir, unsigned days, const char *uuid,
                      struct unfinished *u_r);

/* Tells the admin, if there are any. */
void unfinished_remind(const char *host, const struct unfinished *u,
                       unsigned days);

#endif
