/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the modules of the source share of one session with a target.  sender.c
 * owns it; everyone else only reads it, from the threads of all disks.
 */
#ifndef PLUGIN_SOURCE_SESSION_H
#define PLUGIN_SOURCE_SESSION_H

#include <stdatomic.h>

#include "plugin/base/threadpool.h"
#include "plugin/match/blockindex.h"
#include "plugin/wire/inbox.h"
#include "plugin/wire/wire.h"

struct budget;
struct source_disk;

struct session {
    struct wire *wire;
    struct inbox *inbox;
    struct threadpool *pool;
    struct budget *budget;          /* for what the target has kept here */
    struct blockindex *index;       /* of what is sent, or NULL */
    const char *peer;               /* name of the target, for messages */
    struct source_disk **disks;     /* by their numbers on the wire */
    unsigned n_disks;
    /* Called when the manifest of a disk is complete, from the thread that
     * read the disk, which waits for it to return; or NULL. */
    void (*hashed)(void *opaque, const struct source_disk *d);
    void *opaque;                   /* first argument of hashed() */
    atomic_bool hurry;              /* the guest stands still: a pass that was
                                       begun before is to be cut short */
};

#endif
