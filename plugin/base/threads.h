/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A piece of work done by several threads. */
#ifndef PLUGIN_BASE_THREADS_H
#define PLUGIN_BASE_THREADS_H

#include <stdbool.h>
#include <stddef.h>

/* How many threads: asked, or, if that is 0, one for each processor this
 * process may use (two if direct: with O_DIRECT, one waits for the disk while
 * another one computes). */
unsigned threads_count(unsigned asked, bool direct);

/*
 * Calls work(workers + i * size) for each i < n, the first in the calling
 * thread and the others in threads of their own, and returns when all have.
 * Workers take what they do from a common source, so a thread that cannot be
 * created costs time only.  Signals stay with the threads there were before.
 */
void threads_run(void (*work)(void *worker), void *workers, size_t size,
                 unsigned n);

#endif
