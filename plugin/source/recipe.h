/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recipes, the source's part (docs/protocol.md, "UNKNOWN, NAMES, SIGNATURE,
 * RECIPE"): names of objects that the target does not find by their digest,
 * and how to make an object of the file that it holds under that name.
 *
 * A recipe is made of one reading of the object, and ends with the digest of
 * just that, whatever a guest writes meanwhile.
 */
#ifndef PLUGIN_SOURCE_RECIPE_H
#define PLUGIN_SOURCE_RECIPE_H

#include "plugin/base/buf.h"
#include "plugin/match/rolling.h"
#include "plugin/source/blocklist.h"
#include "plugin/source/disk.h"
#include "plugin/source/session.h"

/* The signature of a file at the target, which it sent. */
struct signature {
    struct rolling rolling;
    struct block_signature blocks;
    bool code;                  /* it is of the file's code without operands
                                   (x86_operands.h) */
    uint8_t hashes[];
};

/* What a signature takes, in bytes. */
static inline size_t signature_bytes(const struct signature *a)
{
    return sizeof(*a) + block_signature_count(&a->blocks) * a->blocks.width;
}

/* Answers an UNKNOWN frame with the names of the objects in it.  0, -EPROTO: it
 * makes no sense; or what the wire says. */
int recipe_send_names(const struct session *s, const struct source_disk *d,
                      const struct frame *f);

/* Parses the next signature of a SIGNATURE frame; c stands after the key.
 * *number: the object of the one before it, then of this one, which is not
 * checked.  *signature_r is for free().  0, -EPROTO or -ENOMEM. */
int recipe_parse_signature(struct cursor *c, uint64_t *number,
                           struct signature **signature_r);

/* Sends the recipe that makes an object of the file that has this signature.
 * 0, or an error of reading, of the wire or of memory. */
int recipe_send(const struct session *s, struct source_disk *d,
                uint64_t number, const struct signature *signature);

/* The same for an object of which the target holds some blocks. */
int recipe_send_from_held(const struct session *s, struct source_disk *d,
                          uint64_t number, const struct held_blocks *held);

#endif
