/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The beginning of a session, the source's part (docs/protocol.md, "HELLO",
 * "DISK, PROBE, DISK_OK"): it introduces itself and offers its disks, and the
 * target says of each what it has of it already.
 *
 * What the target says is believed as far as it decides how much is sent; a
 * disk that it could only pretend to hold is found out by the passes.
 */
#ifndef PLUGIN_SOURCE_OFFER_H
#define PLUGIN_SOURCE_OFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "plugin/source/session.h"

struct sender_options {
    const char *mode;           /* "migrate" or "push" */
    const char *name;           /* of the guest, for messages at the target */
    const char *uuid;           /* identifies the guest or the image */
    const char *peer;           /* name of the target, for messages */
    size_t trace_ring;          /* bytes of the trace buffer of a processor;
                                   0: the default */
    bool skip_free;             /* leave out the free space of cold images */
    bool live;                  /* somebody writes to the images; not with
                                   skip_free */
    const char *state_dir;      /* where listings and secrets are kept; NULL:
                                   they are not used */
    uint64_t memory_limit;      /* bytes that the target may have a session
                                   take up here; 0: the default */
    bool dry;                   /* sender_dry_run() follows sender_offer() */
};

/* Offers the disks of s, and returns when the target has accepted them all;
 * from then on every disk has a queue of its own in the inbox.  Sets base,
 * listing, keyring, secret and doubt of the disks.  0 or a negative errno,
 * logged unless the wire's end is the reason. */
int offer_send(const struct session *s, const struct sender_options *opt);

/* Whether the disks leave this host with the guest that has them. */
bool offer_moves(const struct sender_options *opt);

/* After a session that succeeded: the secret of a copy that was overwritten is
 * not kept. */
void offer_forget_replaced(const struct sender_options *opt,
                           const struct source_disk *d);

#endif
