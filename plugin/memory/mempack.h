/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payloads of CODED frames, made of the batches of the encoder
 * (docs/protocol.md, "Memory"): stored, or as the next piece of one of two zstd
 * streams, of which one costs less time.
 *
 * Not safe for several threads.
 */
#ifndef PLUGIN_MEMORY_MEMPACK_H
#define PLUGIN_MEMORY_MEMPACK_H

#include "plugin/base/buf.h"
#include "plugin/memory/memencode.h"
#include "plugin/proto.h"

struct mempack;

/* level: zstd's, of the stream that costs more; 0: the default, 3.  *p_r is for
 * mempack_free().  0 or -ENOMEM. */
int mempack_new(struct mempack **p_r, int level);
/* p may be NULL. */
void mempack_free(struct mempack *p);

/* Makes the payload of a batch, which is not changed.  *payload_r: it, or after
 * an error something of no use; borrowed until the next call.  0, -ENOMEM, or
 * -EIO: zstd has failed, and why has been logged. */
int mempack_batch(struct mempack *p, const struct memory_batch *batch,
                  enum memory_packing packing, const struct buf **payload_r);

#endif
