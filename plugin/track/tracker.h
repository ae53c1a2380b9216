/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which parts of an image are written while it is read: from the kernel's
 * block tracepoints, recorded through perf.
 *
 * How it is used:
 *
 *     tracker_start(&t, &img, NULL, why, sizeof(why));
 *     tracker_canary(t);                  do not trust it otherwise
 *     pass: tracker_collect(t, &d);       first collect ...
 *           read what is dirty in d;      ... then read
 *     (guest suspended) until tracker_quiet(t, &quiet) says so;
 *     tracker_canary(t); tracker_collect(t, &d); read what is dirty in d;
 *     tracker_stop(t);
 *
 * The promise: what a collect does not call dirty holds now what it held
 * when its last read began, provided that that read began after an earlier
 * collect of the same tracker had returned.  The first collect calls
 * everything dirty.  Writes, zeroes, discards and whatever is not known to be
 * a read all count, failed ones too; flushes without data do not.
 *
 * Two rules, by device (struct track_device, by_completion):
 *
 * 1. By completion: loop, SCSI, virtio without multi-range discards.
 *    block_rq_complete is traced before anybody is told of the completion,
 *    once for each part that completes, with the sector and the bytes of that
 *    part; merges and requeues are done by then.  A write that completes
 *    after a collect is found by the next one.
 *
 * 2. By submission: device-mapper and other drivers without requests, whose
 *    completions do not tell ranges (dm trims the bio when it splits it), and
 *    disks with discards of several ranges in one request (NVMe).
 *    block_bio_queue names the whole range, before anything happens.  But the
 *    write may complete during or after a pass that has read the block, so
 *    everything submitted stays dirty, collect after collect, until a quiet
 *    moment: when as many sectors have been accounted in the statistics as
 *    were traced, and nothing is in flight.  In-flight counters alone would
 *    not do: there is a time between the trace and the accounting (a
 *    suspended dm device makes it long).  Until the first quiet moment after
 *    the start everything is dirty, for what was in flight then.
 *
 *    How many sectors had been accounted before the first that was traced is
 *    known when the two counts have differed by the same again and again for a
 *    quarter of a second, at moments when nothing was in flight; writes may
 *    come and go between these.  In the same way it is found out that a driver
 *    does not account something that it was given (zram a discard), which
 *    would leave no moment quiet ever after.
 *
 * What makes it doubtful, and how that shows:
 *  - full ring buffers, or a kernel that loses events without a word (a
 *    Linux 6.18 did, of about one in 100 000, reporting none lost):
 *    counters, see perf_events.h.  -EOVERFLOW;
 *  - anything else that swallows events (a BPF program on the tracepoint that
 *    returns 0 does): the device's own statistics count every sector, after
 *    it was traced.  More counted than traced: -EOVERFLOW.  While somebody
 *    writes this is a lower bound; when nothing is in flight it is exact.
 *    For this, statistics must be on; without them in-flight counters stay at
 *    0, too (queue/iostats; the canary tries it);
 *  - another way to the data, a device set up anew, a size that changes, a
 *    processor that comes or goes: bypass.h, devices.h, perf_events.h.
 *    -EIO;
 *  - by submission, a bio that is traced but neither accounted nor in flight
 *    for longer than that quarter of a second, and not because the device is
 *    suspended: told when it is accounted, by the same comparison.
 *    -EOVERFLOW;
 *  - SCSI or NVMe commands that bypass block I/O: by completion, an event
 *    without a position counts as doubt; by submission they are not seen.
 *
 * Why perf and not blktrace: a device has one blktrace only, and an
 * administrator may want it; its relay files lose events without a mark in
 * the data; it wants debugfs.  perf is neither exclusive nor disturbed by a
 * blktrace or by ftrace's settings.
 *
 * Sources: Linux 6.1, block/blk-mq.c (blk_update_request), block/blk-core.c
 * (submit_bio_noacct_nocheck, bdev_start_io_acct), block/blk-merge.c
 * (bio_attempt_discard_merge), drivers/md/dm.c, kernel/events/core.c
 * (perf_swevent_event).
 *
 * Thread-safe.  A thread drains the ring buffers from start to stop.
 */
#ifndef PLUGIN_TRACK_TRACKER_H
#define PLUGIN_TRACK_TRACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/image/dirty.h"
#include "plugin/image/image.h"

struct tracker;

struct tracker_options {
    uint64_t grain;         /* bytes, a power of two; 0: 64 KiB */
    size_t ring;            /* bytes for each processor; 0: a default */
};

/*
 * opt may be NULL.  img is borrowed until tracker_stop().  -ENOTSUP: it
 * cannot be tracked, why says for what reason.
 *
 * No call waits for a device or a file server that does not answer longer
 * than WATCH_MS at a time (watch.h); tracking ends then.
 */
int tracker_start(struct tracker **t_r, const struct image *img,
                  const struct tracker_options *opt, char *why,
                  size_t why_size);

/* Ends the tracking and frees t, which may be NULL. */
void tracker_stop(struct tracker *t);

/*
 * Adds to d, which has the image's size, what must be read (again) in the
 * pass that begins now.  On error all of d has been marked, which is right
 * even for a caller that only notes the error:
 * -EOVERFLOW: events were lost or in doubt since the last collect; tracking
 * goes on from here.  -EIO: tracking has ended, for good.
 */
int tracker_collect(struct tracker *t, struct dirty *d);

/*
 * Whether tracing works: reads a sector from each traced device past the
 * cache and waits for its event.  Nothing is written.  It proves the
 * tracepoint, the filter, the rings, the reader, the record's layout,
 * position included, and that the statistics count.  That writes come the
 * same way rests on this: there is one tracepoint and one filter, on devices
 * alone, for reads and writes; every processor's counter is read and must
 * run; and the statistics count no more sectors written than were traced.
 * 0, or -EIO, after which tracking has ended.
 */
int tracker_canary(struct tracker *t);

/*
 * Whether nothing is in flight.  By submission this is proved; by completion
 * it is what the device's in-flight counter says, which leaves out what has not
 * been given to the driver yet.  0, or -EIO: *quiet_r is false then.
 */
int tracker_quiet(struct tracker *t, bool *quiet_r);

/* Whether what was in flight when tracking began, or began anew after a doubt,
 * is over; if not, every collect calls everything dirty.  By completion it
 * always is.  0, or -EIO: *settled_r is false then. */
int tracker_settled(struct tracker *t, bool *settled_r);

/* The reason of the last error, and how the image is tracked. */
void tracker_why(struct tracker *t, char *why, size_t size);
const char *tracker_method(const struct tracker *t);

#endif
