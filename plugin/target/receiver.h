/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The target's engine: rebuilds disks from what this host holds and what the
 * source sends (docs/protocol.md, "Course of a session").
 *
 * The source is root's other host, yet nothing it says is used unchecked:
 * numbers, lengths and offsets are bounded, and a disk is put in place only
 * when its storage gave the digests of every segment.
 */
#ifndef PLUGIN_TARGET_RECEIVER_H
#define PLUGIN_TARGET_RECEIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/base/budget.h"
#include "plugin/state/configuration.h"
#include "plugin/image/users.h"
#include "plugin/target/receiver_events.h"
#include "plugin/wire/inbox.h"
#include "plugin/wire/wire.h"

struct receiver;

/* Borrows everything; what the source makes it keep comes from the budget. */
int receiver_new(struct receiver **r_r, struct wire *w, struct inbox *in,
                 const struct configuration *conf, struct budget *budget,
                 const struct receiver_events *events);
/* Unfinished disks stay in their staging files for the next try. */
void receiver_free(struct receiver *r);

/* Path of a disk on this host.  A later one for the same vdev wins. */
int receiver_set_path(struct receiver *r, const char *vdev, const char *path);
/* Whether the source only wants to know what a session would cost; known
 * from the event `configured` on.  Then nothing is written. */
bool receiver_is_dry(const struct receiver *r);
bool receiver_is_push(const struct receiver *r);
/* Tells what the running domains of this host use; the list is borrowed. */
void receiver_set_used(struct receiver *r, const struct used_path *used);

/* To be called before receiver_run(), in a process that is the target's alone:
 * as soon as all disks are accepted it gives up its rights (confinement.h), and
 * a process that it has forked keeps them (monitor.h). */
void receiver_confine(struct receiver *r);

/* What lies on a disk's storage now; for any thread, from the event `restore`
 * on.  -ERANGE if there is no such place. */
int receiver_read(struct receiver *r, uint64_t disk, uint64_t offset,
                  void *data, size_t length);

/* The whole session, up to BYE.  Failures have been told to the source. */
int receiver_run(struct receiver *r);

/* After a session that succeeded, and before receiver_free(): enters the disks
 * that came into this host's index. */
void receiver_enter(struct receiver *r);

/* Tells the source why the session ends. */
void receiver_fail(struct receiver *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
