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
static void drop(struct taskgroup *g)
{
    bool last = --g->users == 0;

    pthread_mutex_unlock(&g->lock);
    if (!last)
        return;
    close(g->event_fd);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

static void tell(const struct taskgroup *g)
{
    uint64_t one = 1;

    while (write(g->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static void *work(void *opaque)
{
    struct taskgroup *g = opaque;
    unsigned number;
    int rc;

    pthread_mutex_lock(&g->lock);
    while (g->next < g->count && !g->rc && !g->left) {
        number = g->next++;
        pthread_mutex_unlock(&g->lock);
        rc = g->job(g->opaque, number);
        pthread_mutex_lock(&g->lock);
        g->done++;
        if (rc && !g->rc)
            g->rc = rc;
        if (rc || g->done == g->count)
            tell(g);
    }
    drop(g);
    return NULL;
}

int taskgroup_start(struct taskgroup **g_r, taskgroup_job *job, void *opaque,
                    unsigned count, unsigned at_once)
{
    struct taskgroup *g = calloc(1, sizeof(*g));
    pthread_t thread;
    unsigned i;
    int rc;

    if (!g)
        return -ENOMEM;
    g->job = job;
    g->opaque = opaque;
    g->count = count;
    g->users = 1;
    pthread_mutex_init(&g->lock, NULL);
    g->event_fd = eventfd(0, EFD_CLOEXEC);
    rc = g->event_fd < 0 ? -errno : 0;
    pthread_mutex_lock(&g->lock);
    for (i = 0; i < count && i < at_once && !rc; i++) {
        rc = -pthread_create(&thread, NULL, work, g);
        if (!rc) {
            pthread_detach(thread);
            g->users++;
        }
    }
    /* With fewer threads it takes longer. */
    if (g->users > 1) {
        pthread_mutex_unlock(&g->lock);
        *g_r = g;
        return 0;
    }
    drop(g);
    return rc;
}

int taskgroup_fd(const struct taskgroup *g)
{
    return g->event_fd;
}

int taskgroup_leave(struct taskgroup *g)
{
    int rc;

    pthread_mutex_lock(&g->lock);
    rc = g->rc ? g->rc : g->done == g->count ? 0 : -EINPROGRESS;
    g->left = true;
    drop(g);
    return rc;
}
