/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segments of the source's disk, hashed before the first check pass, so that it
 * need not begin to read while the line has nothing to do: most of them as the
 * disk is read for its objects, the others while the line is busy.
 *
 * Whether a digest still stands for the segment is for the caller to know: it
 * must have learned of every write since before prehash_new().
 */
#ifndef PLUGIN_SOURCE_PREHASH_H
#define PLUGIN_SOURCE_PREHASH_H

#include "plugin/content/segment.h"

struct prehash;

/* The image, the index (or NULL) and disk as for segment_hash(); they are used
 * until prehash_stop(). */
int prehash_new(struct prehash **p_r, const struct image *img,
              struct blockindex *index, unsigned disk);

/* Keeps digests that were read for another purpose, of all segments. */
int prehash_keep(struct prehash **p_r, const struct segment_digest *digests,
               uint64_t n);

/* For who reads the disk, before prehash_start(); NULL: all is known.  a may be
 * NULL, here and below. */
const struct segment_sink *prehash_sink(const struct prehash *p);

/* Reads what is not known yet, in a thread of low priority.  If there cannot be
 * one, the first pass reads it. */
void prehash_start(struct prehash *p);

/* Ends the thread. */
void prehash_stop(struct prehash *p);

/* After prehash_stop(): the digest of a segment, if it was hashed; what could
 * not be read was not. */
bool prehash_digest(const struct prehash *p, uint64_t number,
                  struct segment_digest *d_r);

void prehash_free(struct prehash *p);

#endif
