/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pool of threads with a queue of numbered jobs.
 *
 * The threads live as long as the pool.  Jobs run in no particular order.
 */
#ifndef PLUGIN_BASE_THREADPOOL_H
#define PLUGIN_BASE_THREADPOOL_H

#include <stdint.h>

struct threadpool;

/* Does the job of this number.  What it returns is for threadpool_run(). */
typedef int threadpool_job(void *opaque, uint64_t number);

/* Starts this number of threads; 0: one for each processor that there is for us
 * (processors_count()).  *p_r is for threadpool_free().  0 or a negative
 * errno: then no thread runs. */
int threadpool_new(struct threadpool **p_r, unsigned threads);

/* Finishes queued jobs, ends the threads, and frees p. */
void threadpool_free(struct threadpool *p);

/* Queues the jobs first ... first + count - 1.  0, or -ENOMEM: none was
 * queued. */
int threadpool_add(struct threadpool *p, threadpool_job *job, void *opaque,
                   uint64_t first, uint64_t count);

/* The same, ahead of all that is queued. */
int threadpool_add_first(struct threadpool *p, threadpool_job *job,
                         void *opaque, uint64_t first, uint64_t count);

/* Runs such jobs ahead of all that is queued, and returns when they are done:
 * 0, or the first non-zero value that one of them returned; -ENOMEM: none was
 * run.  Not to be called from a job. */
int threadpool_run(struct threadpool *p, threadpool_job *job, void *opaque,
                   uint64_t first, uint64_t count);

#endif
