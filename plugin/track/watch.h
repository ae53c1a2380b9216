/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A watch over the devices of an image and what bypasses them (devices.h,
 * bypass.h), so that a device or a file server that hangs does not keep the
 * caller.  Every question is asked in a thread of its own.  After WATCH_MS the
 * caller is told that there was no answer, and the thread stays with a
 * reference of its own.
 *
 * All functions are for any thread.
 */
#ifndef PLUGIN_TRACK_WATCH_H
#define PLUGIN_TRACK_WATCH_H

#include <pthread.h>
#include <stdatomic.h>

#include "plugin/track/bypass.h"
#include "plugin/track/devices.h"

/* Longer than a busy disk takes for one read; a migration that waits for it
 * has its guest suspended. */
#define WATCH_MS 10000
#define WATCH_BLOCK 4096

struct watch {
    atomic_uint refs;
    struct image img;           /* a copy, with a descriptor of its own */
    struct track_devices devs;
    struct bypass bypass;
    pthread_mutex_t lock;       /* covers bypass: one question at a time */
};

/* -ENOTSUP with a reason if the image cannot be tracked.  img is not needed
 * any longer.  *w_r is for watch_close(). */
int watch_open(struct watch **w_r, const struct image *img, char *why,
               size_t why_size);

/* Drops a reference, the caller's; NULL is fine. */
void watch_close(struct watch *w);

/* -EIO with a reason unless everything is as it was. */
int watch_check(struct watch *w, char *why, size_t why_size);

/* Reads WATCH_BLOCK bytes of a device past the cache, from offset on, a
 * multiple of that.  -ENODATA: its statistics have not counted it; -ETIMEDOUT;
 * -EIO and others: it cannot be read. */
int watch_read(struct watch *w, size_t device, uint64_t offset);

#endif
