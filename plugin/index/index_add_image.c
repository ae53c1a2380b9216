/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The images of a session on their way into the index; see index_add_image.h.
 *
 * While an image is entered ahead, the lock of those who change the index is
 * held; it is not held between the thread's end and index_adding_end(), which
 * may be hours: whoever has it then removes what is not listed, and
 * index_list() finds out.  The thread does not wait for the lock: its holder
 * may be our own session, which has references read, and lets go of it only
 * later.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/base/priority.h"
#include "plugin/index/index_add_image.h"
#include "plugin/index/index_open.h"

#define TRIES 50
#define TRY_US 100000

/* Another session's end takes a moment, a scan takes longer. */
static int lock_soon(const char *directory)
{
    unsigned tries;
    int lock = -EWOULDBLOCK;

    for (tries = 0; tries < TRIES && lock == -EWOULDBLOCK; tries++) {
        if (tries)
            usleep(TRY_US);
        lock = index_lock(directory, false);
    }
    return lock;
}

static int enter(const char *directory, const char *path,
                 const struct stamp *stamp, const struct index_source *source)
{
    struct store_options opt = { .read_only = false };
    int lock = lock_soon(directory), rc;
    struct store *s;

    if (lock < 0)
        return lock;
    rc = index_open(&s, directory, &opt);
    if (!rc) {
        rc = index_add(s, path, stamp, source);
        store_close(s);
    }
    close(lock);
    return rc;
}

/* What an image at a path is called in the index, for free(). */
static char *resolve(const char *path, const struct stamp *stamp)
{
    return stamp->block ? strdup(path) : realpath(path, NULL);
}

void index_add_image(const char *state_dir, const char *path,
                     const struct stamp *stamp,
                     const struct index_source *source)
{
    char *directory = index_directory(state_dir);
    char *resolved = resolve(path, stamp);
    int rc = -ENOMEM;

    if (directory && resolved)
        rc = enter(directory, resolved, stamp, source);
    /* It will be read when it is wanted. */
    if (rc)
        log_info("%s is not entered into the index: %s", path,
                 strerror(-rc));
    free(resolved);
    free(directory);
}

/* Ahead */

/* One disk of a session waits for another. */
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
    struct index_adding *a = opaque;
    int lock;

    niceness_set(NICENESS_LATER);
    pthread_mutex_lock(&one_at_a_time);
    lock = index_lock(a->directory, false);
    a->rc = lock < 0 ? lock :
        index_add_unlisted(a->store, a->path, &a->source, &a->id);
    if (lock >= 0)
        close(lock);
    pthread_mutex_unlock(&one_at_a_time);
    return NULL;
}

int index_adding_start(struct index_adding **a_r, struct store *s,
                       const char *directory, const char *path,
                       const struct index_source *source)
{
    struct index_adding *a = calloc(1, sizeof(*a));
    int rc;

    if (!a)
        return -ENOMEM;
    a->store = s;
    a->directory = directory;
    a->source = *source;
    a->path = path;
    rc = -pthread_create(&a->thread, NULL, work, a);
    if (rc)
        free(a);
    else
        *a_r = a;
    return rc;
}

/* Nobody will list it. */
static void drop(struct index_adding *a)
{
    int lock = a->id ? index_lock(a->directory, false) : -1;

    if (lock < 0)
        return;
    index_drop(a->store, a->id);
    close(lock);
}

bool index_adding_end(struct index_adding *a, const char *path,
                      const struct stamp *stamp)
{
    char *resolved = resolve(path, stamp);
    bool listed = false;
    int lock;

    pthread_join(a->thread, NULL);
    lock = a->rc || !resolved ? -1 : index_lock(a->directory, false);
    if (lock >= 0) {
        listed = !index_list(a->store, a->id, resolved, stamp);
        close(lock);
    }
    if (!listed)
        drop(a);
    free(resolved);
    free(a);
    return listed;
}

void index_adding_free(struct index_adding *a)
{
    if (!a)
        return;
    pthread_join(a->thread, NULL);
    drop(a);
    free(a);
}
