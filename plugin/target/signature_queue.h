/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signatures of this host's files on their way to the source
 * (docs/protocol.md, "UNKNOWN, NAMES, SIGNATURE, RECIPE").
 *
 * Threads of the pool read the files and send the signatures, in the order in
 * which they were queued.  The number of bytes that the source has not answered
 * is bounded, so that neither the memory nor the queue of frames is filled by
 * them, at either end.  A file of which the source has not shown another
 * version is not described: its object is wanted instead, and leaves
 * WANT_HELPED (want.h).
 */
#ifndef PLUGIN_TARGET_SIGNATURE_QUEUE_H
#define PLUGIN_TARGET_SIGNATURE_QUEUE_H

#include "plugin/target/disk.h"
#include "plugin/target/signature.h"

struct signature_queue;

/* A file that is queued: part of what the caller owns, at the same place until
 * the queue is freed or the signature was answered. */
struct queued_signature {
    struct queued_signature *next;  /* signature_queue.c */
    uint64_t number;                /* of the object that it is to help */
    uint32_t shown[PROTO_SHOWN_VALUES]; /* by the source, of the object */
    struct file_signature file;
    size_t cost;                    /* of the signature, bytes; 0: none */
    atomic_bool begun;              /* may be answered: no thread needs this
                                       any more */
};

/* Borrows the disk.  *q_r is for signature_queue_free().  0 or -ENOMEM. */
int signature_queue_new(struct signature_queue **q_r, struct target_disk *d);
/* q may be NULL.  No thread may use it any more. */
void signature_queue_free(struct signature_queue *q);

/* Queues a file, of which all but begun is set. */
void signature_queue_add(struct signature_queue *q, struct queued_signature *s);
/* Any thread, without the disk's lock: has as many signatures sent as may be
 * under way.  0, or -ENOMEM: some were not begun. */
int signature_queue_send(struct signature_queue *q);
/* The source has answered the signature, or will not: it is not under way any
 * more.  Does nothing for one whose cost is 0. */
void signature_queue_answered(struct signature_queue *q,
                              const struct queued_signature *s);

#endif
