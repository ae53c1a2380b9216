/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Freight: frames that may take their time, compressed together
 * (docs/protocol.md, "Freight").  This is the sending half; unfreight.h is the
 * receiving one.
 *
 * Frames wait in a bounded queue for a thread that compresses them ahead of
 * the link, on all processors, with a long window.  The link decides how hard
 * they are compressed (adapt_level.h).  Whatever is put in goes out, soon after
 * nothing more comes.  Freight keeps its own order, but other frames may
 * overtake it.  It starts with small pieces and lets them grow, so that an idle
 * link is fed at once.
 *
 * All functions but freight_new() and freight_free() are for any thread.
 */
#ifndef PLUGIN_WIRE_FREIGHT_H
#define PLUGIN_WIRE_FREIGHT_H

#include <stddef.h>
#include <stdint.h>

/* Sends a piece of the compressed stream.  disk: whose frame went in last.  A
 * negative errno ends the freight.  From one thread at a time. */
typedef int freight_send(void *opaque, uint16_t disk, const void *data,
                         size_t length);
/* Called once, if freight_send() or the compressor has failed with rc: nothing
 * more is sent. */
typedef void freight_failed(void *opaque, int rc);

struct freight;

/* level: zstd's, or 0: it follows the link.  *f_r is for freight_free(); 0 or
 * a negative errno. */
int freight_new(struct freight **f_r, int level, freight_send *send,
                freight_failed *failed, void *opaque);
/* Drops what is still waiting.  No other thread may still use f. */
void freight_free(struct freight *f);

/* Puts a copy of a frame in; waits while the queue is full.  A negative errno
 * is that of freight that went before, or -ENOMEM. */
int freight_put(struct freight *f, uint16_t type, uint16_t disk,
                const void *data, size_t length);

/* What was put in goes out without waiting for more.  The call does not
 * wait. */
void freight_flush(struct freight *f);

/* A piece of content for freight_estimate(), borrowed. */
struct freight_sample {
    const void *data;
    size_t length;
};

struct freight_estimate {
    uint64_t in, out;           /* bytes */
    uint64_t half_in, half_out; /* the part of these in the first half */
    int level;                  /* zstd's, at the end */
};

/*
 * What would become of this content on a line of that rate (bytes a second,
 * not 0): the same compressor takes it, and the line only counts.  Ends after
 * `seconds` at the latest, with what was taken until then.  0 or a negative
 * errno.
 */
int freight_estimate(int level, double rate, double seconds,
                     const struct freight_sample *samples, size_t n,
                     struct freight_estimate *r);

#endif
