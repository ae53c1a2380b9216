/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The digest of a stream; see stream_digest.h. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "plugin/memory/stream_digest.h"

struct stream_digest {
    struct digest state;        /* the thread's while there is data */

    pthread_mutex_t lock;       /* covers what follows */
    pthread_cond_t changed;
    const void *data;           /* NULL: nothing to do */
    size_t length;
};

static void *run(void *opaque)
{
    struct stream_digest *s = opaque;
    const void *data;
    size_t length;

    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (!s->data)
            pthread_cond_wait(&s->changed, &s->lock);
        data = s->data;
        length = s->length;
        pthread_mutex_unlock(&s->lock);
        digest_update(&s->state, data, length);
        pthread_mutex_lock(&s->lock);
        s->data = NULL;
        pthread_cond_broadcast(&s->changed);
    }
    return NULL;
}

int stream_digest_new(struct stream_digest **s_r)
{
    struct stream_digest *s = calloc(1, sizeof(*s));
    pthread_t thread;
    int rc;

    if (!s)
        return -ENOMEM;
    digest_init(&s->state);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    rc = -pthread_create(&thread, NULL, run, s);
    if (rc) {
        pthread_cond_destroy(&s->changed);
        pthread_mutex_destroy(&s->lock);
        free(s);
        return rc;
    }
    pthread_detach(thread);
    *s_r = s;
    return 0;
}

void stream_digest_begin(struct stream_digest *s, const void *data,
                         size_t length)
{
    pthread_mutex_lock(&s->lock);
    s->data = data;
    s->length = length;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void stream_digest_wait(struct stream_digest *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->data)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

void stream_digest_final(const struct stream_digest *s,
                         uint8_t hash[HASH_BYTES])
{
    digest_final(&s->state, hash);
}
