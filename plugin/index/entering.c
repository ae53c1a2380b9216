/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entering ahead; see entering.h.
 *
 * The lock of those who change the index is held while that goes on, and not
 * between the thread's end and index_adding_end(), which may be hours: whoever has
 * it then removes what is not listed, and index_list() finds out.  It is not
 * waited for: it may be our own session's, which has references read, and ends
 * that only later.
 */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "plugin/base/priority.h"
#include "plugin/index/entering.h"

/* Of two disks of a session one waits for the other. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

struct index_adding {
    struct store *store;
    const char *directory;
    const char *path;
    struct index_source source;
    pthread_t thread;
    uint32_t id;                /* once there is something under it */
    int rc;                     /* the thread's, when it has ended */
};

static void *work(void *opaque)
{
    struct index_adding *e = opaque;
    int lock;

    niceness_set(NICENESS_LATER);
    pthread_mutex_lock(&one_at_a_time);
    lock = index_lock(e->directory, false);
    e->rc = lock < 0 ? lock :
        index_add_unlisted(e->store, e->path, &e->source, &e->id);
    if (lock >= 0)
        close(lock);
    pthread_mutex_unlock(&one_at_a_time);
    return NULL;
}

struct index_adding *index_adding_start(struct store *s, const char *directory,
                                const char *path,
                                const struct index_source *source)
{
    struct index_adding *e = calloc(1, sizeof(*e));

    if (!e)
        return NULL;
    e->store = s;
    e->directory = directory;
    e->source = *source;
    e->path = path;
    if (!pthread_create(&e->thread, NULL, work, e))
        return e;
    free(e);
    return NULL;
}

/* Nobody will list it. */
static void drop(struct index_adding *e)
{
    int lock = e->id ? index_lock(e->directory, false) : -1;

    if (lock < 0)
        return;
    index_drop(e->store, e->id);
    close(lock);
}

bool index_adding_end(struct index_adding *e, const char *path,
                  const struct stamp *stamp)
{
    char *resolved = index_resolve(path, stamp);
    bool listed = false;
    int lock;

    pthread_join(e->thread, NULL);
    lock = e->rc || !resolved ? -1 : index_lock(e->directory, false);
    if (lock >= 0) {
        listed = !index_list(e->store, e->id, resolved, stamp);
        close(lock);
    }
    if (!listed)
        drop(e);
    free(resolved);
    free(e);
    return listed;
}

void index_adding_free(struct index_adding *e)
{
    if (!e)
        return;
    pthread_join(e->thread, NULL);
    drop(e);
    free(e);
}
