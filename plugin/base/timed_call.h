/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A call that may hang in the kernel (a device that does not answer, a file
 * server that is gone) made in a thread of its own, so that the caller waits
 * no longer than it wants to.  A thread that hangs cannot be ended; it keeps
 * what it works on until it comes back.
 */
#ifndef PLUGIN_BASE_TIMED_CALL_H
#define PLUGIN_BASE_TIMED_CALL_H

/*
 * Runs work(opaque) in a thread of its own.  0: it is done.  -ETIMEDOUT: it was
 * not done in that time; opaque now belongs to the thread, which calls
 * drop(opaque) if it ever comes back.  Another negative errno: it was not
 * begun.
 */
int timed_call(void (*work)(void *opaque), void (*drop)(void *opaque),
               void *opaque, unsigned milliseconds);

#endif
