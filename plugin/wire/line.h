/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The line: bytes over two file descriptors, with a limit to silence, a cap on
 * what is sent, and counts of what has passed.
 *
 * One thread may read while another one writes; turns among writers are their
 * own concern (wire.c).  Counts, the timeout and `broken` are for any thread.
 */
#ifndef PLUGIN_WIRE_LINE_H
#define PLUGIN_WIRE_LINE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct line {
    int in_fd;
    int out_fd;
    int watch_fd;               /* during the greeting: ends waiting when its
                                   other end is closed; or -1 */
    atomic_uint timeout;        /* seconds; 0: none (greeting) */
    double bytes_per_second;    /* 0: no cap */
    double next_write;          /* when the cap allows the next piece */
    atomic_uint_fast64_t bytes_in;
    atomic_uint_fast64_t bytes_out;
    atomic_uint_fast64_t waited;        /* to send: microseconds */
    atomic_uint_fast64_t worked;        /* pieces of work, for ALIVE */
    atomic_int broken;          /* set by any thread: a negative errno with
                                   which all waiting ends; or 0 */
};

/* Takes the descriptors over (they may be the same) and makes them
 * non-blocking.  timeout: seconds; bytes_per_second: 0: no cap. */
void line_init(struct line *l, int in_fd, int out_fd, unsigned timeout,
               uint64_t bytes_per_second);
/* Closes them.  No thread may use the line any more. */
void line_close(struct line *l);

/* Writes all of data; blocks.  -EPIPE: the peer is gone; -ETIMEDOUT: it has
 * taken nothing for too long; -ECANCELED: see watch_fd; or broken. */
int line_write(struct line *l, const void *data, size_t length);

/* Reads length bytes; *got_r (or NULL) tells how many came before an error.
 * Errors as above; -EPIPE at end of file.  Every piece of what is longer than a
 * frame's header counts as work. */
int line_read(struct line *l, void *data, size_t length, size_t *got_r);

#endif
