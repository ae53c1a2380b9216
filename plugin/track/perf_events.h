/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One tracepoint of the block layer, recorded on every processor through
 * perf_event_open(2) with a filter on devices.
 *
 * Each processor has a ring buffer that is not overwritten.  A full ring
 * loses events, and the kernel's own notice of that (PERF_RECORD_LOST) comes
 * only with the next event that finds room, perhaps never.  Therefore every
 * drain also reads the events' counters: the kernel counts an event before
 * it tries to record it (perf_swevent_event() in kernel/events/core.c), so
 * what was counted and not received is lost.
 *
 * Not seen by this check: events that the kernel drops before it counts them.
 * A BPF program on the same tracepoint that returns 0 does that to everybody
 * (perf_trace_run_bpf_submit()); tracker.c finds it out from the disk's
 * statistics.
 *
 * Not for several threads at once.
 */
#ifndef PLUGIN_TRACK_PERF_EVENTS_H
#define PLUGIN_TRACK_PERF_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/track/trace_parse.h"

struct perf_events;

/* Takes an event.  A negative errno ends the draining. */
typedef int perf_events_sink(void *opaque, const struct trace_event *e);

/*
 * name: "block_rq_complete".  filter: in the kernel's syntax
 * (Documentation/trace/events.rst).  ring: bytes for each processor, rounded
 * up to a power of two of pages; 0 for a default.  When it returns 0, recording
 * has begun on all processors, and *p_r is for perf_events_close().  -ENOTSUP
 * or -ENOMEM, and why says what is missing.
 */
int perf_events_open(struct perf_events **p_r, const char *name,
                     const char *filter, size_t ring, char *why,
                     size_t why_size);
/* Ends the recording and frees p, which may be NULL. */
void perf_events_close(struct perf_events *p);

/* Waits until a ring fills or the time is over. */
void perf_events_wait(struct perf_events *p, int milliseconds);

/*
 * Hands over all that was recorded before the call (the order across
 * processors is not kept).  thorough: looks at the counters, too.
 * -EOVERFLOW: events were lost; -EIO: recording is no longer what it was
 * (processors came or went, unknown records); or what sink() returned, which
 * then has set why.  After an error perf_events_restart() must be called.
 */
int perf_events_drain(struct perf_events *p, bool thorough,
                      perf_events_sink *sink, void *opaque, char *why,
                      size_t why_size);

/* Forgets what was recorded and lost.  -EIO: it cannot be trusted again. */
int perf_events_restart(struct perf_events *p, char *why, size_t why_size);

#endif
