/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file that this host holds, as its signature shows it to the source
 * (docs/protocol.md, "UNKNOWN, NAMES, SIGNATURE, RECIPE"): by the hashes of its
 * bytes, or, if it is code, of its skeleton (x86_operands.h).  A recipe that
 * answers the signature copies from just that.
 *
 * The file may change at any time; signature and content need not agree then,
 * and the digest of the result tells.
 */
#ifndef PLUGIN_TARGET_SIGNATURE_H
#define PLUGIN_TARGET_SIGNATURE_H

#include "plugin/base/buf.h"
#include "plugin/index/basis.h"
#include "plugin/match/rolling.h"
#include "plugin/match/x86_operands.h"
#include "plugin/proto.h"
#include "plugin/state/host_secret.h"

/* Read at once, at most; a multiple of the blocks of all skeletons. */
#define SIGNATURE_PIECE (256u << 10)

struct file_signature {
    struct basis held;
    uint8_t key[PROTO_SIGNATURE_KEY];
    struct block_signature shape;   /* without hashes */
    bool code;                  /* shown by its skeleton */
    uint8_t *skips;             /* of code: of the skeleton, by block */
};

/* Takes the file over, until signature_release().  secret: of this host
 * (host_secret.h); the key of the hashes comes from that and from the digest
 * that the index has of the file.  So whoever asks, and how often, is told the
 * same of the same content. */
void signature_init(struct file_signature *s, const struct basis *h,
                    const uint8_t secret[HOST_SECRET_BYTES]);
void signature_release(struct file_signature *s);

/* About the number of bytes that signature_put() puts. */
size_t signature_cost(const struct file_signature *s);

/* Whether a source that shows these values has another version of the file. */
bool signature_is_shown(const struct file_signature *s,
                        const uint8_t key[PROTO_SIGNATURE_KEY],
                        const uint32_t shown[PROTO_SHOWN_VALUES]);

/* Puts what a SIGNATURE frame says of the file after the object's number.  What
 * cannot be read counts as zeros, in which nothing will be found.  0 or
 * -ENOMEM.  Must have returned before the first signature_read(). */
int signature_put(struct file_signature *s, struct buf *b);

/* Reads length bytes, at most SIGNATURE_PIECE, of what the signature shows;
 * data must have room for X86_OPERANDS_BEYOND bytes more.  -EPROTO: the file
 * has no such range, or it is code and no block begins at offset. */
int signature_read(const struct file_signature *s, void *data, size_t length,
                   uint64_t offset);

#endif
