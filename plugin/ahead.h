/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segments of the source's disk, hashed while the line is busy, so that the
 * first check pass need not begin to read then.
 *
 * Whether a digest still stands for the segment is for the caller to know: it
 * must have learned of every write since before ahead_start().
 */
#ifndef PLUGIN_AHEAD_H
#define PLUGIN_AHEAD_H

#include "plugin/segment.h"

struct ahead;

/* Begins, in a thread of low priority.  The image, the index (or NULL) and disk
 * as for segment_hash_noted(); they are used until ahead_stop(). */
int ahead_start(struct ahead **a_r, const struct image *img,
                struct blockindex *index, unsigned disk);

/* Keeps digests that were read for another purpose, of all segments. */
int ahead_keep(struct ahead **a_r, const struct segment_digest *digests,
               uint64_t n);

/* Ends the thread.  a may be NULL, here and below. */
void ahead_stop(struct ahead *a);

/* After ahead_stop(): the digest of a segment, if it was hashed; what could
 * not be read was not. */
bool ahead_digest(const struct ahead *a, uint64_t number,
                  struct segment_digest *d_r);

void ahead_free(struct ahead *a);

#endif
