/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The images of a session on their way into the index; see index_add_image.h.
 *
 * While an image is entered ahead, the lock of those who change the index is
 * held; it is not held between the thread's end and index_adding_end(), which
 * may be hours: whoever has it then removes what is not listed, and
 * index_list() finds out; then the image is entered once more.  The thread does
 * not wait for the lock: its holder may be our own session, which has
 * references read, and lets go of it only later.
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
static int lock_soon(int fd)
{
    unsigned tries;
    int rc = -EWOULDBLOCK;

    for (tries = 0; tries < TRIES && rc == -EWOULDBLOCK; tries++) {
        if (tries)
            usleep(TRY_US);
        rc = index_lock_take(fd, false);
    }
    return rc;
}

char *index_name_of(const char *path, bool block)
{
    return block ? strdup(path) : realpath(path, NULL);
}

static int enter(const char *directory, const char *name,
                 const struct stamp *stamp, const struct index_source *source)
{
    struct store_options opt = { .read_only = false };
    int lock = index_lock_open(directory), rc;
    struct store *s;

    if (lock < 0)
        return lock;
    rc = lock_soon(lock);
    if (!rc)
        rc = index_open(&s, directory, &opt);
    if (!rc) {
        rc = index_add(s, name, stamp, source);
        store_close(s);
    }
    close(lock);
    return rc;
}

/* It will be read when it is wanted. */
static void say_left_out(const char *path, int rc)
{
    if (rc)
        log_info("%s is not entered into the index: %s", path, strerror(-rc));
}

void index_add_image(const char *state_dir, const char *path,
                     const struct stamp *stamp,
                     const struct index_source *source)
{
    char *directory = index_directory(state_dir);
    char *name = index_name_of(path, stamp->block);

    say_left_out(path, directory && name ?
                 enter(directory, name, stamp, source) : -ENOMEM);
    free(name);
    free(directory);
}

/* Ahead */

/* One disk of a session waits for another, and the lock's descriptor is the
 * session's. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

struct index_adding {
    struct store *store;
    int lock_fd;
    const char *path;
    struct index_source source;
    pthread_t thread;
    uint32_t id;                /* once there is something under it */
    int rc;                     /* the thread's, when it has ended */
};

static void *work(void *opaque)
{
    struct index_adding *a = opaque;

    niceness_set(NICENESS_LATER);
    pthread_mutex_lock(&one_at_a_time);
    a->rc = index_lock_take(a->lock_fd, false);
    if (!a->rc) {
        a->rc = index_add_unlisted(a->store, a->path, &a->source, &a->id);
        index_lock_give(a->lock_fd);
    }
    pthread_mutex_unlock(&one_at_a_time);
    return NULL;
}

int index_adding_start(struct index_adding **a_r, struct store *s, int lock_fd,
                       const char *path, const struct index_source *source)
{
    struct index_adding *a = calloc(1, sizeof(*a));
    int rc;

    if (!a)
        return -ENOMEM;
    a->store = s;
    a->lock_fd = lock_fd;
    a->source = *source;
    a->path = path;
    rc = -pthread_create(&a->thread, NULL, work, a);
    if (rc)
        free(a);
    else
        *a_r = a;
    return rc;
}

/* With the lock.  What was entered ahead may have been removed meanwhile. */
static int list(struct index_adding *a, const char *name,
                const struct stamp *stamp)
{
    int rc = a->rc ? a->rc : index_list(a->store, a->id, name, stamp);

    if (!rc)
        return 0;
    if (a->id)
        index_drop(a->store, a->id);
    return index_add(a->store, name, stamp, &a->source);
}

void index_adding_end(struct index_adding *a, const char *name,
                      const struct stamp *stamp)
{
    int rc;

    pthread_join(a->thread, NULL);
    pthread_mutex_lock(&one_at_a_time);
    rc = lock_soon(a->lock_fd);
    if (!rc) {
        rc = list(a, name, stamp);
        index_lock_give(a->lock_fd);
    }
    pthread_mutex_unlock(&one_at_a_time);
    say_left_out(name, rc);
    free(a);
}

void index_adding_free(struct index_adding *a)
{
    if (!a)
        return;
    pthread_join(a->thread, NULL);
    pthread_mutex_lock(&one_at_a_time);
    if (a->id && !index_lock_take(a->lock_fd, false)) {
        index_drop(a->store, a->id);
        index_lock_give(a->lock_fd);
    }
    pthread_mutex_unlock(&one_at_a_time);
    free(a);
}
