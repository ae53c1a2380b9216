/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeping up with a guest that writes, and the last state after it was
 * suspended.
 *
 * A disk is brought up to date in rounds.  A round asks the tracker what was
 * written, then reads and sends it (design rule 4: asked before read).  When
 * what was written cannot be known (no tracker, or one that is in doubt), the
 * round is a pass over all segments: design rule 5.
 *
 * A disk that is not traced is settled by such a pass after the suspension;
 * then only the counters of its device and its file's time of modification
 * could tell of a write that came later.
 *
 * The functions return 0 or a negative errno, and the reason was logged unless
 * it is the wire's.  They are called by one thread at a time, but for the two
 * of prehash, which the scan's reading thread calls.
 */
#ifndef PLUGIN_SOURCE_ROUNDS_H
#define PLUGIN_SOURCE_ROUNDS_H

#include <stdbool.h>
#include <stddef.h>

#include "plugin/source/disk.h"
#include "plugin/source/session.h"

/* Makes what the other functions need in d.  0 or -ENOMEM. */
int rounds_begin(struct source_disk *d);
/* Frees that, and ends the tracing. */
void rounds_end(struct source_disk *d);

/* Begins to trace the writes to a disk, before its first byte is read.  If that
 * cannot be done the admin is told why, and the disk is compared as a whole
 * instead.  ring: bytes of the trace buffer of a processor, 0: the default. */
void rounds_track(struct source_disk *d, size_t ring);

/* The comparison before the manifest, if there is to be one. */
int rounds_compare(const struct session *s, struct source_disk *d);

/* Makes d->prehash for what is read from now on, or leaves it NULL where not
 * every write that comes after the call will be known. */
void rounds_prehash_begin(const struct session *s, struct source_disk *d);
/* The same, and has a thread read what is not known then, until
 * prehash_stop(d->prehash). */
void rounds_prehash_rest(const struct session *s, struct source_disk *d);

/* Runs rounds until little is left, or it does not get less. */
int rounds_catch_up(const struct session *s, struct source_disk *d);
/* One round, while the guest runs. */
int rounds_run(const struct session *s, struct source_disk *d);
/* The last rounds, after the guest was suspended: the target is equal then. */
int rounds_settle(const struct session *s, struct source_disk *d);
/* Whether nothing was written since rounds_settle(). */
bool rounds_unchanged(struct source_disk *d);

#endif
