/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory stream as it comes from the wire (docs/protocol.md, "Memory").
 *
 * One thread decodes, so that the receiving thread never waits for disks,
 * for xl, or for an answer that it would have to receive itself.  The source
 * may not be further ahead than its window: so the queue is bounded, and a
 * source that sends more breaks the protocol.
 */
#ifndef PLUGIN_MEMORY_MEMRECEIVE_H
#define PLUGIN_MEMORY_MEMRECEIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/digest.h"
#include "plugin/wire/wire.h"

struct budget;
struct memreceive;

struct memreceive_options {
    /* All are called on the decoding thread.  read(): see memdecode.h. */
    int (*write)(void *opaque, const void *data, size_t length);
    int (*read)(void *opaque, uint64_t disk, uint64_t offset, void *data,
                size_t length);
    /* The decoding has come to an end, for this reason.  Called once at
     * most. */
    void (*failed)(void *opaque, int rc);
    void *opaque;
    struct budget *budget;      /* for what the source has kept here; or NULL */
};

/* Borrows the wire, for answers; copies opt.  *m_r is for memreceive_stop() and
 * memreceive_free().  0 or a negative errno. */
int memreceive_new(struct memreceive **m_r, struct wire *w,
                   const struct memreceive_options *opt);

/* Ends the decoding; frames that come later are refused.  False if that was
 * not possible within half a minute, because write() does not return. */
bool memreceive_stop(struct memreceive *m);
/* After a successful stop, when no other thread uses it. */
void memreceive_free(struct memreceive *m);

/* Takes a frame of the source's for which PROTO_IS_MEMORY() holds, and its data
 * over.  Waits only with frames of type MEMORY, which have no window.  -EPROTO:
 * it breaks the rules; or the errno that has ended the decoding. */
int memreceive_frame(struct memreceive *m, struct frame *f);

/* Waits until everything that came is written.  -EBADMSG: that is another
 * number of bytes, or has another digest. */
int memreceive_finish(struct memreceive *m, uint64_t bytes,
                      const uint8_t digest[HASH_BYTES]);

#endif
