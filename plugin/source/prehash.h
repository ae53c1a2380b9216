/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Digests of the source's segments that are made before the first check pass,
 * which would have to read the whole disk first while the line has nothing to
 * do.  Most segments are hashed as the disk is read for its objects, the others
 * while the line is busy.
 *
 * The caller knows whether a digest is still right: it must have learned of
 * every write since before prehash_new().
 */
#ifndef PLUGIN_SOURCE_PREHASH_H
#define PLUGIN_SOURCE_PREHASH_H

#include "plugin/content/segment.h"

struct prehash;

/* Makes the digests of a disk, none of which is known yet, for prehash_free().
 * The image, the index (or NULL) and the disk are as for segment_hash(), and
 * are used until prehash_stop().  0 or -ENOMEM. */
int prehash_new(struct prehash **p_r, const struct image *img,
                struct blockindex *index, unsigned disk);

/* The same of a copy of the digests of all n segments, which were made for
 * another purpose.  0 or -ENOMEM. */
int prehash_keep(struct prehash **p_r, const struct segment_digest *digests,
                 uint64_t n);

/* Where the reader of the disk puts digests, before prehash_start(); NULL: all
 * are known.  The sink lives as long as p, which may be NULL here and below. */
const struct segment_sink *prehash_sink(const struct prehash *p);

/* Starts a thread of low priority that reads what is not known yet.  If it
 * cannot be started, the first pass reads that. */
void prehash_start(struct prehash *p);

/* Ends the thread. */
void prehash_stop(struct prehash *p);

/* After prehash_stop(): takes the digest of a segment.  False: it was not
 * hashed, for example because it could not be read. */
bool prehash_digest(const struct prehash *p, uint64_t number,
                  struct segment_digest *d_r);

void prehash_free(struct prehash *p);

#endif
