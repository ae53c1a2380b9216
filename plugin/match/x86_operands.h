/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The operands of x86 code, and the skeleton that is left without them
 * (docs/protocol.md, "Skeletons").
 *
 * When a program is built again with a small change, its code stays the same
 * but for the distances in it: those of every call and every access to data
 * that leads across the change.  So content is split.  The skeleton is as long
 * as the content, with the same number in place of each far distance; the
 * operands are the places that these distances lead to.  Skeletons of two
 * versions have long stretches in common, at any place.  Operands repeat, and
 * pack well by themselves.
 *
 * Any bytes are what they were after they have been split and joined, code or
 * not, and any operands can be joined with any skeleton.  Whether something is
 * an operand depends on what comes before it, as a rule on a few bytes of that,
 * and on the length of the whole.
 */
#ifndef PLUGIN_MATCH_X86_OPERANDS_H
#define PLUGIN_MATCH_X86_OPERANDS_H

#include <stddef.h>
#include <stdint.h>

#include "plugin/base/buf.h"

#define X86_OPERANDS_BEYOND 5u  /* bytes that are looked at after a piece */
#define X86_OPERAND_BYTES 4u    /* length of an operand */

/* Where in the content the next piece begins.  Starts with the size, and zeros
 * for the rest. */
struct x86_operands {
    uint64_t size;              /* bytes of all content */
    uint64_t offset;            /* of the piece */
    unsigned skip;              /* the first bytes of it that belong to an
                                   instruction that began before it; at most
                                   X86_OPERANDS_BEYOND */
};

/* Makes a piece of content a piece of its skeleton, in place, and goes on to
 * the next one.  The `beyond` bytes after it must be readable, and may be
 * changed as the next call would; they are X86_OPERANDS_BEYOND, or fewer if the
 * content ends there.  The operands are appended, unless that is NULL. */
void x86_operands_split(struct x86_operands *x, uint8_t *p, size_t length,
                        size_t beyond, struct buf *operands);

/* The way back: takes the operands from the cursor, which is bad if some are
 * missing.  The bytes after the piece must come with the next call as they are
 * then. */
void x86_operands_join(struct x86_operands *x, uint8_t *p, size_t length,
                       size_t beyond, struct cursor *operands);

#endif
