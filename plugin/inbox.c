/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receiving side of a session; see inbox.h. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "plugin/inbox.h"
#include "plugin/log.h"
#include "plugin/manifest.h"
#include "plugin/proto.h"

/* Payload bytes waiting before the wire is left alone for a while. */
#define QUEUE_BYTES_MAX (16u << 20)

struct entry {
    struct entry *next;
    struct frame frame;
};

struct inbox {
    struct wire *wire;
    const char *peer;
    inbox_bytes *bytes;
    void *opaque;
    int event_fd;           /* counts queued entries, one more at the end */
    int watch_fd;           /* engine thread only, as the next */
    short watch_events;
    bool explained;
    pthread_mutex_t lock;   /* covers what follows */
    pthread_cond_t room;
    struct entry *head;
    struct entry **tail;
    size_t queued;
    int ended;              /* why the thread stopped: negative errno */
};

static void signal_event(struct inbox *in)
{
    uint64_t one = 1;

    while (write(in->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static int enqueue(struct inbox *in, struct frame *f)
{
    struct entry *e = malloc(sizeof(*e));

    if (!e)
        return -ENOMEM;
    e->frame = *f;
    e->next = NULL;
    memset(f, 0, sizeof(*f));
    pthread_mutex_lock(&in->lock);
    while (in->queued > QUEUE_BYTES_MAX)
        pthread_cond_wait(&in->room, &in->lock);
    *in->tail = e;
    in->tail = &e->next;
    in->queued += e->frame.length + sizeof(*e);
    pthread_mutex_unlock(&in->lock);
    signal_event(in);
    return 0;
}

static int deliver(struct inbox *in, struct frame *f)
{
    int rc = 0;

    if (f->type == FRAME_XL || f->type == FRAME_MEMORY)
        rc = in->bytes ? in->bytes(in->opaque, f) : -EPROTO;
    else if (f->type != FRAME_ALIVE)
        return enqueue(in, f);
    frame_release(f);
    return rc;
}

static void *receive(void *opaque)
{
    struct inbox *in = opaque;
    struct frame f = { 0 };
    uint16_t type;
    int rc;

    do {
        rc = wire_recv(in->wire, &f);
        type = f.type;
        if (!rc) {
            rc = deliver(in, &f);
            /* Everything else that is wrong has been logged. */
            if (rc == -EPROTO)
                log_error("%s: sent a frame of type %u that does not belong "
                          "here", in->peer, type);
        }
    } while (!rc);
    frame_release(&f);
    pthread_mutex_lock(&in->lock);
    in->ended = rc;
    pthread_mutex_unlock(&in->lock);
    signal_event(in);
    return NULL;
}

int inbox_start(struct inbox **in_r, struct wire *w, const char *peer,
                inbox_bytes *bytes, void *opaque)
{
    struct inbox *in = calloc(1, sizeof(*in));
    pthread_t thread;
    int rc;

    if (!in)
        return -ENOMEM;
    in->wire = w;
    in->peer = peer;
    in->bytes = bytes;
    in->opaque = opaque;
    in->watch_fd = -1;
    in->tail = &in->head;
    pthread_mutex_init(&in->lock, NULL);
    pthread_cond_init(&in->room, NULL);
    in->event_fd = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
    if (in->event_fd < 0) {
        rc = -errno;
        free(in);
        return rc;
    }
    rc = -pthread_create(&thread, NULL, receive, in);
    if (rc) {
        close(in->event_fd);
        free(in);
        return rc;
    }
    /* Ends with the wire or with the process. */
    pthread_detach(thread);
    *in_r = in;
    return 0;
}

void inbox_watch(struct inbox *in, int fd, short events)
{
    in->watch_fd = fd;
    in->watch_events = events;
}

int inbox_fd(const struct inbox *in)
{
    return in->event_fd;
}

/* Waits until the queue has something or has ended. */
static int wait_event(struct inbox *in)
{
    struct pollfd fds[2] = {
        { .fd = in->event_fd, .events = POLLIN },
        { .fd = in->watch_fd, .events = in->watch_events },
    };
    uint64_t count;

    for (;;) {
        if (poll(fds, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        /* A frame that is there explains more than a channel that closed. */
        if (fds[0].revents)
            break;
        if (fds[1].revents)
            return -ECANCELED;
    }
    if (read(in->event_fd, &count, sizeof(count)) < 0)
        return -errno;
    return 0;
}

static void say_why(struct inbox *in, int rc)
{
    if (in->explained)
        return;
    in->explained = true;
    if (rc == -EPIPE)
        log_error("%s: the connection was closed", in->peer);
    else if (rc == -ETIMEDOUT)
        log_error("%s: the line was silent for %u seconds and is taken for "
                  "dead; --timeout sets another limit", in->peer,
                  wire_timeout(in->wire));
    else if (rc != -EPROTO)
        log_errno(rc, "%s: the connection failed", in->peer);
}

static int dequeue(struct inbox *in, struct frame *f)
{
    struct entry *e;
    int rc;

    pthread_mutex_lock(&in->lock);
    e = in->head;
    rc = in->ended;
    if (e) {
        in->head = e->next;
        if (!in->head)
            in->tail = &in->head;
        in->queued -= e->frame.length + sizeof(*e);
        pthread_cond_signal(&in->room);
    }
    pthread_mutex_unlock(&in->lock);
    if (!e) {
        /* Whoever asks once more gets the same answer. */
        signal_event(in);
        say_why(in, rc);
        return -EPIPE;
    }
    *f = e->frame;
    free(e);
    return 0;
}

/* The peer's words, on one line and without what a terminal would obey. */
static void log_message(const struct inbox *in, const struct frame *f)
{
    char text[4096], shown[4096];

    snprintf(text, sizeof(text), "%.*s", (int)f->length, (char *)f->data);
    log_error("%s: %s", in->peer, text_escape(text, shown, sizeof(shown)));
}

int inbox_next(struct inbox *in, struct frame *f)
{
    int rc;

    for (;;) {
        rc = wait_event(in);
        if (!rc)
            rc = dequeue(in, f);
        if (rc)
            return rc;
        if (f->type == FRAME_FAIL) {
            in->explained = true;
            if (f->length)
                log_message(in, f);
            frame_release(f);
            return -ECONNABORTED;
        }
        if (!(f->type & PROTO_OPTIONAL))
            return 0;
        frame_release(f);
    }
}

void inbox_explain(struct inbox *in, int rc)
{
    struct frame f;

    if (rc == -ETIMEDOUT)
        say_why(in, rc);
    if (rc != -EPIPE || in->explained)
        return;
    in->watch_fd = -1;
    while (!inbox_next(in, &f))
        frame_release(&f);
}

int inbox_try(struct inbox *in, struct frame *f)
{
    struct pollfd pfd = { .fd = in->event_fd, .events = POLLIN };

    return poll(&pfd, 1, 0) > 0 ? inbox_next(in, f) : -EAGAIN;
}

int inbox_expect(struct inbox *in, uint16_t type, struct frame *f)
{
    int rc = inbox_next(in, f);

    if (rc)
        return rc;
    if (f->type == type)
        return 0;
    log_error("%s: sent a frame of type %u where %u was expected", in->peer,
              f->type, type);
    frame_release(f);
    return -EPROTO;
}
