/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pool of threads with a queue of numbered jobs.
 *
 * The threads live as long as the pool.  Jobs run in no particular order.
 */
#ifndef PLUGIN_WORKERS_H
#define PLUGIN_WORKERS_H

#include <stdint.h>

struct workers;

/* number: of the job.  A non-zero return is remembered; the first one is what
 * workers_wait() returns. */
typedef int workers_job(void *opaque, uint64_t number);

/* threads: 0 for one per core. */
int workers_new(struct workers **w_r, unsigned threads);

/* Finishes queued jobs, then ends the threads. */
void workers_free(struct workers *w);

/* Queues jobs first ... first + count - 1.  -ENOMEM: none was queued. */
int workers_add(struct workers *w, workers_job *job, void *opaque,
                uint64_t first, uint64_t count);

/* Waits until nothing is queued or running. */
int workers_wait(struct workers *w);

#endif
