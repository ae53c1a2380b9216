/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lists of blocks, the source's part (docs/protocol.md, "LIST, BLOCKLIST,
 * HELD"): what lies in partitions that no parser understands is described to
 * the target block by block, as far as it asks for that, and made of the
 * blocks that it finds and of those that it says it lacks.
 *
 * Blocks are counted from where their partition begins: there the guest's file
 * system aligns its content.
 */
#ifndef PLUGIN_SOURCE_BLOCKLIST_H
#define PLUGIN_SOURCE_BLOCKLIST_H

#include "plugin/base/buf.h"
#include "plugin/proto.h"
#include "plugin/source/disk.h"

/* What the target has of an object. */
struct lack {
    uint32_t head;                  /* bytes before the first block */
    uint32_t n_blocks;
    uint8_t held[PROTO_LIST_BLOCKS];    /* 1: it has that block */
};

/* What a MANIFEST says of an object. */
enum proto_kind blocklist_kind(const struct manifest *m,
                               const struct object *o);

/* Answers a LIST.  -EPROTO: it makes no sense. */
int blocklist_answer(const struct session *s, struct source_disk *d,
                     const struct frame *f);

/* Takes the next object of a HELD.  number: of the one before, then of this
 * one. */
int blocklist_take_lack(struct source_disk *d, struct cursor *c,
                        uint64_t *number, struct lack **lack_r);

#endif
