/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monotonic clock, which nobody sets: its time, and waiting for a condition
 * by it.  Its beginning is arbitrary. */
#ifndef PLUGIN_BASE_CLOCK_H
#define PLUGIN_BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

static inline double monotonic_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static inline uint64_t monotonic_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * UINT64_C(1000) + t.tv_nsec / 1000000;
}

/* The time in ms milliseconds from now, for pthread_cond_timedwait() on a
 * condition that monotonic_cond_init() made. */
static inline struct timespec monotonic_in(unsigned ms)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000L;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    return t;
}

/* Makes a condition whose timed waits go by this clock; ended by
 * pthread_cond_destroy(). */
static inline void monotonic_cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(c, &attributes);
    pthread_condattr_destroy(&attributes);
}

#endif
