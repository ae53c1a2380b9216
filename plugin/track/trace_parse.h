/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel's tracing says, as bytes: the description of a block
 * tracepoint in tracefs, and the records in a perf ring buffer.  No system
 * calls here, so that handmade bytes can be tried on it.
 *
 * Sources: perf_event_open(2) and linux/perf_event.h (records, data_head and
 * data_tail), Documentation/trace/events.rst (format files),
 * include/trace/events/block.h and blk_fill_rwbs() of Linux 6.1 (fields).
 *
 * The kernel is trusted to mean what it writes; yet everything is checked to
 * lie where it says, because a kernel of another version may mean something
 * else.  What is not understood is an error, and never skipped: a reader that
 * cannot read the trace must not call a block clean.
 */
#ifndef PLUGIN_TRACK_TRACE_PARSE_H
#define PLUGIN_TRACK_TRACE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace_field {
    unsigned offset, size;
};

/* Where a tracepoint's record has what. */
struct trace_format {
    unsigned id;
    struct trace_field type;            /* equals id */
    struct trace_field dev, sector, nr_sector, rwbs;
};

/* Parses the text of events/block/NAME/format.  -EBADMSG if a field is missing
 * or has an odd size. */
int trace_format_parse(struct trace_format *f, const char *text);

enum trace_op {
    TRACE_READ,
    TRACE_FLUSH,                        /* without data */
    TRACE_WRITE,
    TRACE_DISCARD,
    TRACE_OTHER,                        /* "N": write zeroes, SCSI command */
};

struct trace_event {
    uint64_t dev;                       /* major << 20 | minor */
    uint64_t sector, sectors;           /* of 512 bytes */
    enum trace_op op;
};

/* Decodes a record's raw data.  -EBADMSG: too short, or another event. */
int trace_event_decode(struct trace_event *e, const struct trace_format *f,
                       const uint8_t *raw, size_t length);

/* What was met in a ring buffer, added up. */
struct trace_counts {
    uint64_t samples;
    uint64_t lost;                      /* as the kernel reports */
    uint64_t throttled;
};

/*
 * Takes the records from *tail on, up to head, off the ring of size bytes (a
 * power of two); raw data of each sample goes to sample(), which returns 0 or
 * a negative errno that ends it.  The attribute's sample_type must have been
 * PERF_SAMPLE_RAW alone.  *tail moves past what was taken.  -EBADMSG: not a
 * sequence of records.
 */
int trace_ring_parse(const uint8_t *data, size_t size, uint64_t *tail,
                     uint64_t head, struct trace_counts *counts,
                     int (*sample)(void *opaque, const uint8_t *raw,
                                   size_t length),
                     void *opaque);

#endif
