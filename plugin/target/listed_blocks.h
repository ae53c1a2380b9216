/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The blocks of an object as the source lists them (docs/protocol.md, "LIST,
 * BLOCKLIST, HELD"): a short keyed hash of each, by which they are looked for
 * in the references.
 *
 * The source is not trusted; neither is what a place in the references holds:
 * the hash is short, and somebody may write there.  The passes find out.
 */
#ifndef PLUGIN_TARGET_LISTED_BLOCKS_H
#define PLUGIN_TARGET_LISTED_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "plugin/base/buf.h"
#include "plugin/match/blocktable.h"
#include "plugin/target/reference.h"

struct listed_blocks {
    uint32_t size;                  /* of the object, bytes */
    uint32_t head;                  /* bytes before the first block */
    uint32_t n_blocks;
    uint8_t *hashes;                /* PROTO_LIST_HASH bytes each; NULL: there
                                       is no list */
};

/* Takes the list of one object of a BLOCKLIST frame; size is set.  0, -EPROTO:
 * it makes no sense, or -ENOMEM.  For listed_blocks_release(). */
int listed_blocks_take(struct listed_blocks *l, struct cursor *c);
void listed_blocks_release(struct listed_blocks *l);

/* Adds the blocks to those that are looked for, but for zeros. */
void listed_blocks_add(const struct listed_blocks *l, struct blocktable *t);

/* How many of the blocks were found; *all_r: of how many.  Zeros do not
 * count. */
size_t listed_blocks_found(const struct listed_blocks *l,
                           const struct blocktable *t, size_t *all_r);

/* Puts what a HELD frame says of the object after its number: runs of blocks
 * that are held, being found or zero, and of others, by turns. */
void listed_blocks_put_held(const struct listed_blocks *l,
                            const struct blocktable *t, struct buf *b);

/* Reads length bytes of the object at offset, where it was found.  0, or
 * -EPROTO: not all of that is held.  What cannot be read comes as zeros. */
int listed_blocks_read(const struct listed_blocks *l,
                       const struct blocktable *t, struct references *refs,
                       void *data, size_t length, uint64_t offset);

#endif
