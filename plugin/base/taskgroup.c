/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads that serve disks side by side; see taskgroup.h. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "plugin/base/taskgroup.h"

struct taskgroup {
    taskgroup_job *job;
    void *opaque;
    unsigned count;
    int event_fd;
    pthread_mutex_t lock;   /* covers what follows */
    unsigned next;          /* job to begin */
    unsigned done;
    unsigned users;         /* threads, and the caller until it leaves */
    bool left;
    int rc;
};

/* The last one frees it.  Called with the lock held, releases it. */
static void drop(struct taskgroup *c)
{
    bool last = --c->users == 0;

    pthread_mutex_unlock(&c->lock);
    if (!last)
        return;
    close(c->event_fd);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static void tell(const struct taskgroup *c)
{
    uint64_t one = 1;

    while (write(c->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static void *work(void *opaque)
{
    struct taskgroup *c = opaque;
    unsigned number;
    int rc;

    pthread_mutex_lock(&c->lock);
    while (c->next < c->count && !c->rc && !c->left) {
        number = c->next++;
        pthread_mutex_unlock(&c->lock);
        rc = c->job(c->opaque, number);
        pthread_mutex_lock(&c->lock);
        c->done++;
        if (rc && !c->rc)
            c->rc = rc;
        if (rc || c->done == c->count)
            tell(c);
    }
    drop(c);
    return NULL;
}

int taskgroup_start(struct taskgroup **c_r, taskgroup_job *job, void *opaque,
                    unsigned count, unsigned at_once)
{
    struct taskgroup *c = calloc(1, sizeof(*c));
    pthread_t thread;
    unsigned i;
    int rc;

    if (!c)
        return -ENOMEM;
    c->job = job;
    c->opaque = opaque;
    c->count = count;
    c->users = 1;
    pthread_mutex_init(&c->lock, NULL);
    c->event_fd = eventfd(0, EFD_CLOEXEC);
    rc = c->event_fd < 0 ? -errno : 0;
    pthread_mutex_lock(&c->lock);
    for (i = 0; i < count && i < at_once && !rc; i++) {
        rc = -pthread_create(&thread, NULL, work, c);
        if (!rc) {
            pthread_detach(thread);
            c->users++;
        }
    }
    /* With fewer threads it takes longer. */
    if (c->users > 1) {
        pthread_mutex_unlock(&c->lock);
        *c_r = c;
        return 0;
    }
    drop(c);
    return rc;
}

int taskgroup_fd(const struct taskgroup *c)
{
    return c->event_fd;
}

int taskgroup_leave(struct taskgroup *c)
{
    int rc;

    pthread_mutex_lock(&c->lock);
    rc = c->rc ? c->rc : c->done == c->count ? 0 : -EINPROGRESS;
    c->left = true;
    drop(c);
    return rc;
}
