/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lists of blocks, the source's part (docs/protocol.md, "LIST, BLOCKLIST,
 * HELD"): what lies in partitions that no parser understands is described to
 * the target block by block, as far as it asks for that, and made there of the
 * blocks that it finds and of those that it does not hold, which are sent.
 *
 * Blocks are counted from the beginning of their partition: there the guest's
 * file system aligns its content.
 */
#ifndef PLUGIN_SOURCE_BLOCKLIST_H
#define PLUGIN_SOURCE_BLOCKLIST_H

#include "plugin/base/buf.h"
#include "plugin/proto.h"
#include "plugin/source/disk.h"
#include "plugin/source/session.h"

/* Which blocks of an object the target holds. */
struct held_blocks {
    uint32_t head;                  /* bytes before the first block */
    uint32_t n_blocks;
    uint8_t held[PROTO_LIST_BLOCKS];    /* 1: it has that block */
};

/* What a MANIFEST says of the kind of an object. */
enum proto_kind blocklist_kind(const struct manifest *m,
                               const struct object *o);

/* Answers a LIST with the hashes of the blocks of its objects, each of which
 * may be listed once.  0, -EPROTO: it makes no sense; or an error of reading,
 * of the wire or of memory. */
int blocklist_send(const struct session *s, struct source_disk *d,
                   const struct frame *f);

/* Parses the next object of a HELD, which must have been listed.  *number: of
 * the one before it, then of this one.  *held_r is for free().  0, -EPROTO or
 * -ENOMEM. */
int blocklist_parse_held(struct source_disk *d, struct cursor *c,
                         uint64_t *number, struct held_blocks **held_r);

/* No more will be asked: forgets what was listed. */
void blocklist_end(struct source_disk *d);

#endif
