/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Objects by their numbers on the wire; see object_table.h. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/clock.h"
#include "plugin/source/object_table.h"

#define ROOM_FIRST 1024

struct roster {
    pthread_mutex_t lock;       /* covers what follows */
    pthread_cond_t grown;       /* or ended */
    const struct object **objects;
    uint64_t n, room;
    bool ended;
};

int roster_new(struct roster **r_r)
{
    struct roster *r = calloc(1, sizeof(*r));

    if (!r)
        return -ENOMEM;
    pthread_mutex_init(&r->lock, NULL);
    monotonic_cond_init(&r->grown);
    *r_r = r;
    return 0;
}

void roster_free(struct roster *r)
{
    if (!r)
        return;
    pthread_cond_destroy(&r->grown);
    pthread_mutex_destroy(&r->lock);
    free(r->objects);
    free(r);
}

static int make_room(struct roster *r, size_t n)
{
    const struct object **objects;
    uint64_t room = r->room ? r->room : ROOM_FIRST;

    if (n > ROSTER_MAX - r->n)
        return -EFBIG;
    while (room < r->n + n)
        room *= 2;
    if (room == r->room)
        return 0;
    objects = reallocarray(r->objects, room, sizeof(*objects));
    if (!objects)
        return -ENOMEM;
    r->objects = objects;
    r->room = room;
    return 0;
}

int roster_add(struct roster *r, const struct object *const *objects,
               size_t n)
{
    int rc;

    pthread_mutex_lock(&r->lock);
    rc = make_room(r, n);
    if (!rc) {
        memcpy(r->objects + r->n, objects, n * sizeof(*objects));
        r->n += n;
        pthread_cond_signal(&r->grown);
    }
    pthread_mutex_unlock(&r->lock);
    return rc;
}

void roster_end(struct roster *r)
{
    pthread_mutex_lock(&r->lock);
    r->ended = true;
    pthread_cond_signal(&r->grown);
    pthread_mutex_unlock(&r->lock);
}

uint64_t roster_count(struct roster *r)
{
    uint64_t n;

    pthread_mutex_lock(&r->lock);
    n = r->n;
    pthread_mutex_unlock(&r->lock);
    return n;
}

const struct object *roster_get(struct roster *r, uint64_t number)
{
    const struct object *o;

    pthread_mutex_lock(&r->lock);
    o = r->objects[number];
    pthread_mutex_unlock(&r->lock);
    return o;
}

uint64_t roster_wait(struct roster *r, uint64_t known, unsigned milliseconds)
{
    struct timespec until = monotonic_in(milliseconds);
    bool late = false;
    uint64_t n;

    pthread_mutex_lock(&r->lock);
    while (!r->ended && !(late && r->n > known)) {
        if (late)
            pthread_cond_wait(&r->grown, &r->lock);
        else
            late = pthread_cond_timedwait(&r->grown, &r->lock,
                                          &until) == ETIMEDOUT;
    }
    n = r->n;
    pthread_mutex_unlock(&r->lock);
    return n;
}
