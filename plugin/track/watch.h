/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The devices of an image and the other ways to it (devices.h, bypass.h),
 * asked so that a device or a file server that hangs does not keep the
 * asker: after WATCH_MS it is told so, and the question stays behind
 * with a reference of its own.
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
    struct trackdevs devs;
    struct bypass ways;
    pthread_mutex_t lock;       /* ways: one question at a time */
};

/* -ENOTSUP with a reason if the image cannot be tracked.  img is not needed
 * any longer. */
int watch_open(struct watch **s_r, const struct image *img,
                     char *why, size_t why_size);

/* NULL is fine. */
void watch_close(struct watch *s);

/* -EIO with a reason unless everything is as it was. */
int watch_check(struct watch *s, char *why, size_t why_size);

/* Reads WATCH_BLOCK bytes of a device past the cache.  -ENODATA: its
 * statistics have not counted it. */
int watch_read(struct watch *s, size_t device, uint64_t offset);

#endif
