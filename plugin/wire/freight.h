/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Freight: frames that may take their time, compressed together
 * (docs/protocol.md, "Freight").
 *
 * They wait in a bounded queue for a thread that compresses them ahead of the
 * link, on all processors, with a long window.  How hard, follows the link
 * (adapt_level.h).  Whatever is put in goes out, soon after nothing more comes;
 * the order is kept, but not that of other frames.  To begin with, the line has
 * nothing to do: then it goes out in pieces that grow.
 */
#ifndef PLUGIN_WIRE_FREIGHT_H
#define PLUGIN_WIRE_FREIGHT_H

#include <stddef.h>
#include <stdint.h>

#include "plugin/base/buf.h"

struct frame;

/* Sends a piece of the compressed stream; disk: whose frame went in last. */
typedef int freight_send(void *opaque, uint16_t disk, const void *data,
                         size_t length);
/* Once: nothing more is sent, for this reason. */
typedef void freight_failed(void *opaque, int rc);

struct freight;

/* level: zstd's; 0: follows the link. */
int freight_new(struct freight **f_r, int level, freight_send *send,
                freight_failed *failed, void *opaque);
/* What is still waiting is dropped. */
void freight_free(struct freight *f);

/* Puts a frame in; waits while the queue is full. */
int freight_put(struct freight *f, uint16_t type, uint16_t disk,
                const void *data, size_t length);

/* What is in there goes out, without waiting for more.  Does not wait. */
void freight_flush(struct freight *f);

/*
 * What would become of this content on a line of that rate (bytes a second,
 * not 0): the same compressor takes it, against a line that only counts.  Ends
 * after so many seconds at the latest, with what was taken until then.
 */
struct freight_sample {
    const void *data;
    size_t length;
};

struct freight_rehearsal {
    uint64_t in, out;           /* bytes */
    uint64_t half_in, half_out; /* of these, in the first half */
    int level;                  /* zstd's, at the end */
};

int freight_rehearse(int level, double rate, double seconds,
                     const struct freight_sample *samples, size_t n,
                     struct freight_rehearsal *r);

/* The other end.  A piece is given; then frames are taken until there is none
 * (0).  1: a frame.  -EPROTO: it makes no sense (logged). */
struct unfreight;

int unfreight_new(struct unfreight **u_r);
void unfreight_free(struct unfreight *u);
/* Takes the data over. */
void unfreight_give(struct unfreight *u, uint8_t *data, size_t length);
int unfreight_take(struct unfreight *u, struct frame *f);

#endif
