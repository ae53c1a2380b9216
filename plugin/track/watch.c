/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The devices of an image, asked with a time limit; see watch.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/timed_call.h"
#include "plugin/track/watch.h"

struct question {
    struct watch *watch;
    const struct track_device *dev;     /* to read */
    uint64_t offset;
    char why[256];
    int rc;
};

/* --- in a thread of its own -------------------------------------------- */

static void do_open(void *opaque)
{
    struct question *q = opaque;
    struct watch *w = q->watch;

    q->rc = track_devices_open(&w->devs, &w->img, q->why, sizeof(q->why));
    if (!q->rc)
        q->rc = bypass_open(&w->bypass, &w->devs, q->why, sizeof(q->why));
}

static void do_check(void *opaque)
{
    struct question *q = opaque;
    struct watch *w = q->watch;

    pthread_mutex_lock(&w->lock);
    q->rc = track_devices_check(&w->devs, q->why, sizeof(q->why));
    if (!q->rc)
        q->rc = bypass_check(&w->bypass, &w->devs, q->why, sizeof(q->why));
    pthread_mutex_unlock(&w->lock);
}

static void do_read(void *opaque)
{
    struct question *q = opaque;
    uint64_t before, after, writes;
    void *buf;

    if (posix_memalign(&buf, WATCH_BLOCK, WATCH_BLOCK)) {
        q->rc = -ENOMEM;
        return;
    }
    q->rc = track_device_accounted(q->dev, &writes, &before);
    if (!q->rc && pread(q->dev->fd, buf, WATCH_BLOCK, q->offset) !=
        WATCH_BLOCK)
        q->rc = -EIO;
    if (!q->rc)
        q->rc = track_device_accounted(q->dev, &writes, &after);
    if (!q->rc && after < before + WATCH_BLOCK / 512)
        q->rc = -ENODATA;
    free(buf);
}

static void drop(void *opaque)
{
    struct question *q = opaque;

    watch_close(q->watch);
    free(q);
}

/* --- the interface ----------------------------------------------------- */

static int ask(struct watch *w, void (*work)(void *opaque),
               const struct question *question, char *why, size_t why_size)
{
    struct question *q = malloc(sizeof(*q));
    int rc;

    if (!q)
        return -ENOMEM;
    *q = *question;
    q->watch = w;
    atomic_fetch_add(&w->refs, 1);
    rc = timed_call(work, drop, q, WATCH_MS);
    if (rc == -ETIMEDOUT) {
        snprintf(why, why_size, "no answer from its storage for %d s",
                 WATCH_MS / 1000);
        return rc;
    }
    snprintf(why, why_size, "%s", rc ? strerror(-rc) : q->why);
    if (!rc)
        rc = q->rc;
    drop(q);
    return rc;
}

/* Copies what is needed here. */
static int copy_image(struct image *to, const struct image *from)
{
    *to = *from;
    to->direct_fd = -1;
    to->path = strdup(from->path);
    to->fd = fcntl(from->fd, F_DUPFD_CLOEXEC, 0);
    return to->path && to->fd >= 0 ? 0 : -errno;
}

int watch_open(struct watch **w_r, const struct image *img, char *why,
               size_t why_size)
{
    struct watch *w = calloc(1, sizeof(*w));
    struct question q = { .rc = 0 };
    int rc;

    *w_r = NULL;
    if (!w) {
        snprintf(why, why_size, "no memory");
        return -ENOMEM;
    }
    pthread_mutex_init(&w->lock, NULL);
    w->bypass = (struct bypass)BYPASS_INIT;
    w->refs = 1;
    rc = copy_image(&w->img, img);
    if (rc)
        snprintf(why, why_size, "%s", strerror(-rc));
    else
        rc = ask(w, do_open, &q, why, why_size);
    if (rc)
        watch_close(w);
    else
        *w_r = w;
    return rc == -ETIMEDOUT ? -ENOTSUP : rc;
}

void watch_close(struct watch *w)
{
    if (!w || atomic_fetch_sub(&w->refs, 1) > 1)
        return;
    bypass_close(&w->bypass);
    track_devices_close(&w->devs);
    image_release(&w->img);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

int watch_check(struct watch *w, char *why, size_t why_size)
{
    struct question q = { .rc = 0 };
    int rc = ask(w, do_check, &q, why, why_size);

    return rc ? -EIO : 0;
}

int watch_read(struct watch *w, size_t device, uint64_t offset)
{
    struct question q = { .dev = &w->devs.dev[device], .offset = offset };
    char why[256];

    return ask(w, do_read, &q, why, sizeof(why));
}
