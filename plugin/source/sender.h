/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source's engine: brings disks to the state they have here, at a target
 * on the other side of a wire (docs/protocol.md, "Course of a session").
 *
 * The images are only read, cold ones (skip_free) from sender_add_disk() on, so
 * that they are examined while the connection is made.  While sender_bulk()
 * runs, somebody may write to the others; sender_settle() and sender_place()
 * must be called when nobody does any more (the guest is suspended).
 *
 * The caller uses one thread for all of it.  The disks are served by threads of
 * sender.c's while a function runs, a few at once and each disk by one.
 *
 * All functions return 0 or a negative errno; the reason has been logged.
 */
#ifndef PLUGIN_SOURCE_SENDER_H
#define PLUGIN_SOURCE_SENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/image/stamp.h"
#include "plugin/match/blockindex.h"
#include "plugin/source/estimate.h"
#include "plugin/source/offer.h"
#include "plugin/source/report.h"
#include "plugin/wire/inbox.h"
#include "plugin/wire/wire.h"

struct sender;

/* Borrows everything that opt points to. */
int sender_new(struct sender **s_r, const struct sender_options *opt);
void sender_free(struct sender *s);

/* dest: path at the target, or NULL if the target knows it. */
int sender_add_disk(struct sender *s, const char *vdev, const char *path,
                    const char *dest);

/* Introduces itself on the wire and offers the disks; returns when the target
 * has accepted them all.  Borrows both, for all that follows. */
int sender_offer(struct sender *s, struct wire *w, struct inbox *in);

/* Instead of all that follows: has the target look up what it holds, and
 * estimates and prints what a session would send. */
int sender_dry_run(struct sender *s, const struct estimate_options *opt);

/* The name of disk number i, or NULL: there are no more. */
const char *sender_vdev(const struct sender *s, unsigned i);

/* What is open of a disk, or NULL if it is none of these.  Lives as long as
 * s. */
const struct image *sender_image(const struct sender *s, const char *vdev);

/* Copies all disks.  If they are live, what is written meanwhile is sent in
 * rounds until little is left. */
int sender_bulk(struct sender *s);

/*
 * Sends what was written to the disks whose writes are traced since this was
 * last asked.  When control_fd becomes readable (the guest may stand still
 * now), no more is begun than must be.  The inbox watches for its end
 * afterwards.
 */
int sender_round(struct sender *s, int control_fd);

/*
 * For the disks whose writes are traced: waits for those in flight and makes
 * the target's disks equal to what is read then.  May be called as soon as the
 * guest is seen suspended, while the end of its memory is still on the way.
 */
int sender_settle_traced(struct sender *s);

/* The same for all disks, when nobody writes any more: those that were settled
 * already are looked at for writes that came later. */
int sender_settle(struct sender *s);

/* Has the disks made durable and put in place. */
int sender_place(struct sender *s);

/* An index of what is read and sent of the disks from now on, in at most
 * `bytes` of memory; NULL if there is not that much.  Lives as long as s. */
const struct blockindex *sender_index(struct sender *s, uint64_t bytes,
                                      const uint8_t key[BLOCKINDEX_KEY]);

/* Notes in the records that this host's copies are now old ones. */
void sender_record_left(struct sender *s, const char *state_dir);

/* What the image of a disk was like when the target's copy became equal to
 * it.  -ENOENT: there is no such disk, or it has not come that far. */
int sender_mark(const struct sender *s, const char *vdev,
                struct stamp *stamp_r);

/* Whether the target's copy of a disk is known not to be the same storage. */
bool sender_apart(const struct sender *s, const char *vdev);

/* Runs what changes the times of the images (an extended attribute), but not
 * their content, when all has arrived: one that was not written to since the
 * disk was added is still that for sender_enter(). */
void sender_keep_stamps(struct sender *s, void (*change)(void *opaque),
                        void *opaque);

/* Enters what the disks held when they were scanned into this host's index,
 * for the return trip, and keeps their lists. */
void sender_enter(struct sender *s);
/* Before sender_bulk(): has each disk entered as soon as it was scanned, even
 * if it does not arrive then. */
void sender_enter_ahead(struct sender *s);

/* Prints what was done.  seconds: it took; blackout: NULL if no guest had to
 * stand still. */
void sender_report(struct sender *s, double seconds,
                   const struct blackout *blackout);

#endif
