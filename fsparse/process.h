/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Process: the parser as a child, seen from the library.
 *
 * The child has the image read-only as fd 3, the pipe as stdout, the request
 * (or /dev/null) as stdin, /dev/null as stderr, default signals and no other
 * descriptor.  It may crash, hang or lie; process_stop() ends it in every case
 * and leaves no zombie.
 */
#ifndef FSPARSE_PROCESS_H
#define FSPARSE_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
    pid_t pid;
    int fd;                     /* reading end of the pipe */
    int64_t deadline;           /* milliseconds of CLOCK_MONOTONIC */
};

#define PROCESS_INIT { .pid = -1, .fd = -1 }

/* task: what is wanted, as the argument that record.h knows; NULL: a map.
 * request_fd: a file with a request of record.h, or -1.  It is a file and not
 * a pipe so that a child that does not read it stops nobody. */
int process_start(struct process *p, const char *task, int image_fd,
                  int request_fd);

/* Reads at most size bytes: how many, 0 at the end, -ETIME after the
 * deadline, or another negative errno. */
ssize_t process_read(struct process *p, void *buf, size_t size);

/* Ends the child, if it has not ended by itself, and reaps it.  Returns its
 * wait status, or -1 if somebody else reaped it or it had to be killed. */
int process_stop(struct process *p);

#endif
