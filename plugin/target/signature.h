/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file that this host holds, as a sketch shows it to the source
 * (docs/protocol.md, "UNKNOWN, NAMES, SIGNATURE, RECIPE"): by its bytes, or if it
 * is code by those of its skeleton.  A recipe that follows the sketch copies
 * from just that.
 *
 * The file may change at any time, and the two need not agree then: the
 * recipe's digest tells.
 */
#ifndef PLUGIN_TARGET_SIGNATURE_H
#define PLUGIN_TARGET_SIGNATURE_H

#include "plugin/base/buf.h"
#include "plugin/index/basis.h"
#include "plugin/match/rolling.h"
#include "plugin/match/x86_operands.h"

/* Read at once, at most; a multiple of the blocks of all skeletons. */
#define SKETCHED_PIECE (256u << 10)

struct sketched {
    struct basis held;
    struct sketch shape;        /* without hashes */
    bool code;                  /* shown by its skeleton */
    uint8_t *skips;             /* of code: of the skeleton, by block */
};

/* Takes the file over, for sketched_release(); `wanted` bytes of content will
 * be looked for in it. */
void sketched_init(struct sketched *s, const struct basis *h,
                   uint64_t wanted);
void sketched_release(struct sketched *s);

/* Bytes that sketched_put() puts, about. */
size_t sketched_cost(const struct sketched *s);

/* Puts what a SIGNATURE says of the file, behind the object's number.  In what
 * cannot be read nothing will be found.  Must end before the first
 * sketched_read(). */
int sketched_put(struct sketched *s, const struct rolling *r, struct buf *b);

/* Reads at most SKETCHED_PIECE bytes of what was sketched; there must be room
 * for X86_OPERANDS_BEYOND more.  -EPROTO: the file has no such place, or it is
 * code, and no block begins there. */
int sketched_read(const struct sketched *s, void *data, size_t length,
                  uint64_t offset);

#endif
