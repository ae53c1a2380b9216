/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pool of threads with a queue of numbered jobs.
 *
 * The threads live as long as the pool.  Jobs run in no particular order.
 */
#ifndef PLUGIN_BASE_THREADPOOL_H
#define PLUGIN_BASE_THREADPOOL_H

#include <stdint.h>

struct workers;

/* number: of the job.  What it returns is for workers_run(). */
typedef int workers_job(void *opaque, uint64_t number);

/* threads: 0 for one per core. */
int workers_new(struct workers **w_r, unsigned threads);

/* Finishes queued jobs, then ends the threads. */
void workers_free(struct workers *w);

/* Queues jobs first ... first + count - 1.  -ENOMEM: none was queued. */
int workers_add(struct workers *w, workers_job *job, void *opaque,
                uint64_t first, uint64_t count);

/* The same, before all that is queued. */
int workers_add_first(struct workers *w, workers_job *job, void *opaque,
                      uint64_t first, uint64_t count);

/* Runs such jobs, before all that is queued, and returns when they are done:
 * 0, or the first non-zero value that one of them returned.  Not to be called
 * from a job. */
int workers_run(struct workers *w, workers_job *job, void *opaque,
                uint64_t first, uint64_t count);

#endif
