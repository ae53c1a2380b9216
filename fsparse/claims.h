/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Claims: which blocks of one file system have an owner.
 *
 * Whoever walks a file system reports here every block that something claims:
 * files and all metadata alike, each once.  What its bitmap then calls free
 * and nobody has claimed may be left out of a copy, provided that no doubt has
 * come up.  The first doubt stays; from then on nothing is free, and a walk
 * had better end.  Since no block is claimed twice without a doubt, a walk
 * that ends at a doubt is no longer than the file system has blocks.
 */
#ifndef FSPARSE_CLAIMS_H
#define FSPARSE_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "fsparse/emit.h"

#define CLAIMS_DOUBT_BYTES 120

struct claims {
    uint64_t n;                 /* blocks */
    uint8_t *bits;
    uint32_t n_emitted;         /* ranges */
    char doubt[CLAIMS_DOUBT_BYTES];     /* one clause for people; "": none */
};

/* Without memory for n blocks that is a doubt. */
void claims_init(struct claims *c, uint64_t n);
void claims_release(struct claims *c);

/* Why nothing of the file system is left out. */
void claims_doubt(struct claims *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool claims_in_doubt(const struct claims *c);

/* Blocks that only this owner has, as "inode" 12.  None, such that do not
 * exist and such that are claimed already are a doubt. */
void claims_add(struct claims *c, uint64_t first, uint64_t count,
                const char *owner, uint64_t number);

/* Blocks that may have been claimed before. */
void claims_share(struct claims *c, uint64_t first, uint64_t count,
                  const char *owner, uint64_t number);

/* What the bitmap calls free is nobody's; otherwise a doubt. */
void claims_check_free(struct claims *c, uint64_t first, uint64_t count);

/* Emits free blocks, if there is no doubt.  There is an end to how many ranges
 * are emitted: what follows counts as used. */
void claims_emit_free(struct claims *c, struct emit *e, unsigned partition,
                      uint64_t first, uint64_t count, uint64_t block_bytes);

#endif
