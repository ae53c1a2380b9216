/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Skeletons of x86 code (docs/protocol.md, "Skeletons").
 *
 * When a program is built again with a small change, its code stays the same
 * but for the distances in it: every call and every access to data that leads
 * across the change.  So content is taken apart: the skeleton is as long and
 * has the same number in place of each far distance; the operands are what
 * these distances lead to.  Skeletons of two versions have long stretches in
 * common, at any place; operands repeat, and pack well by themselves.
 *
 * Taken apart and put together again any bytes are what they were, code or
 * not; any operands can be joined with any skeleton.  What is an operand
 * depends on what comes before it, a few bytes of it as a rule, and on the
 * length of the whole.
 */
#ifndef PLUGIN_MATCH_X86_OPERANDS_H
#define PLUGIN_MATCH_X86_OPERANDS_H

#include <stddef.h>
#include <stdint.h>

#include "plugin/base/buf.h"

#define X86_OPERANDS_BEYOND 5u      /* bytes to be seen behind a piece */
#define X86_OPERAND_BYTES 4u     /* bytes of an operand */

/* Where in the content a piece begins.  skip: so many of its first bytes are
 * part of an instruction that began before it, at most X86_OPERANDS_BEYOND. */
struct x86_operands {
    uint64_t size;              /* of the whole */
    uint64_t offset;
    unsigned skip;
};

/* Takes a piece of content apart, in place, and goes on behind it.  `beyond`
 * bytes behind the piece must be readable and may be changed, as the next
 * call would; they are X86_OPERANDS_BEYOND, or fewer if the content ends there.
 * operands: these are put there, or NULL. */
void x86_operands_split(struct x86_operands *s, uint8_t *p, size_t length,
                    size_t beyond, struct buf *operands);

/* The way back.  The bytes behind the piece must come as they are now with
 * the next call.  Operands that are missing make the cursor bad. */
void x86_operands_join(struct x86_operands *s, uint8_t *p, size_t length,
                   size_t beyond, struct cursor *operands);

#endif
