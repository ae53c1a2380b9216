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

struct object_table {
    pthread_mutex_t lock;       /* covers what follows */
    pthread_cond_t grown;       /* or ended */
    const struct object **objects;
    uint64_t n, room;
    bool ended;
};

int object_table_new(struct object_table **t_r)
{
    struct object_table *t = calloc(1, sizeof(*t));

    if (!t)
        return -ENOMEM;
    pthread_mutex_init(&t->lock, NULL);
    monotonic_cond_init(&t->grown);
    *t_r = t;
    return 0;
}

void object_table_free(struct object_table *t)
{
    if (!t)
        return;
    pthread_cond_destroy(&t->grown);
    pthread_mutex_destroy(&t->lock);
    free(t->objects);
    free(t);
}

static int make_room(struct object_table *t, size_t n)
{
    const struct object **objects;
    uint64_t room = t->room ? t->room : ROOM_FIRST;

    if (n > OBJECT_TABLE_MAX - t->n)
        return -EFBIG;
    while (room < t->n + n)
        room *= 2;
    if (room == t->room)
        return 0;
    objects = reallocarray(t->objects, room, sizeof(*objects));
    if (!objects)
        return -ENOMEM;
    t->objects = objects;
    t->room = room;
    return 0;
}

int object_table_add(struct object_table *t,
                     const struct object *const *objects, size_t n)
{
    int rc;

    pthread_mutex_lock(&t->lock);
    rc = make_room(t, n);
    if (!rc) {
        memcpy(t->objects + t->n, objects, n * sizeof(*objects));
        t->n += n;
        pthread_cond_signal(&t->grown);
    }
    pthread_mutex_unlock(&t->lock);
    return rc;
}

void object_table_end(struct object_table *t)
{
    pthread_mutex_lock(&t->lock);
    t->ended = true;
    pthread_cond_signal(&t->grown);
    pthread_mutex_unlock(&t->lock);
}

uint64_t object_table_count(struct object_table *t)
{
    uint64_t n;

    pthread_mutex_lock(&t->lock);
    n = t->n;
    pthread_mutex_unlock(&t->lock);
    return n;
}

const struct object *object_table_get(struct object_table *t, uint64_t number)
{
    const struct object *o;

    pthread_mutex_lock(&t->lock);
    o = t->objects[number];
    pthread_mutex_unlock(&t->lock);
    return o;
}

uint64_t object_table_wait(struct object_table *t, uint64_t known,
                           unsigned milliseconds)
{
    struct timespec until = monotonic_in(milliseconds);
    bool late = false;
    uint64_t n;

    pthread_mutex_lock(&t->lock);
    while (!t->ended && !(late && t->n > known)) {
        if (late)
            pthread_cond_wait(&t->grown, &t->lock);
        else
            late = pthread_cond_timedwait(&t->grown, &t->lock,
                                          &until) == ETIMEDOUT;
    }
    n = t->n;
    pthread_mutex_unlock(&t->lock);
    return n;
}
