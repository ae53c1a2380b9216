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

#include "plugin/base/bytes.h"
#include "plugin/base/clock.h"
#include "plugin/base/log.h"
#include "plugin/proto.h"
#include "plugin/wire/inbox.h"

/* Payload bytes waiting before the wire is left alone for a while. */
#define QUEUE_BYTES_MAX (48u << 20)

/* How long the reason of an end is waited for: a peer that takes nothing may go
 * on talking, while a guest stands still. */
#define EXPLAIN_SECONDS 5

/* After that time it is shown what is waited for. */
#define SHOW_SECONDS 10
#define LOOK_MS 1000

struct entry {
    struct entry *next;
    struct frame frame;
};

struct queue {
    struct entry *head;
    struct entry **tail;
    int event_fd;           /* counts entries, one more at the end */
};

struct inbox {
    struct wire *wire;
    const char *peer;
    inbox_bytes *bytes;
    void *opaque;
    int watch_fd;           /* session's thread only, as the next */
    short watch_events;
    pthread_mutex_t lock;   /* covers what follows */
    pthread_cond_t room;
    pthread_cond_t end;
    struct queue session;
    struct queue *disks;    /* by number, after inbox_split() */
    unsigned n_disks;
    size_t queued;          /* bytes, in all queues */
    bool discard;           /* nobody takes frames any more */
    bool explained;
    bool hushed;            /* the session's caller explains */
    uint64_t heard_ms;      /* when the peer was last seen to get on */
    uint64_t worked;        /* what its last ALIVE said */
    unsigned limit;         /* seconds without that; 0: none */
    char *message;          /* of the peer's FAIL */
    int ended;              /* why the thread stopped: negative errno */
};

static int queue_init(struct queue *q)
{
    q->head = NULL;
    q->tail = &q->head;
    q->event_fd = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
    return q->event_fd < 0 ? -errno : 0;
}

static void queue_signal(struct queue *q)
{
    uint64_t one = 1;

    while (write(q->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

/* The queue of a disk, or the session's.  Called with the lock held, or by
 * a thread that came after inbox_split(). */
static struct queue *queue_of(struct inbox *in, uint16_t disk)
{
    return disk < in->n_disks ? &in->disks[disk] : &in->session;
}

static int enqueue(struct inbox *in, struct frame *f)
{
    struct entry *e = malloc(sizeof(*e));
    struct queue *q;

    if (!e)
        return -ENOMEM;
    pthread_mutex_lock(&in->lock);
    while (in->queued > QUEUE_BYTES_MAX && !in->discard)
        pthread_cond_wait(&in->room, &in->lock);
    if (in->discard) {
        pthread_mutex_unlock(&in->lock);
        free(e);
        frame_release(f);
        return 0;
    }
    e->frame = *f;
    e->next = NULL;
    memset(f, 0, sizeof(*f));
    q = queue_of(in, e->frame.disk);
    *q->tail = e;
    q->tail = &e->next;
    in->queued += e->frame.length + sizeof(*e);
    queue_signal(q);
    pthread_mutex_unlock(&in->lock);
    return 0;
}

/* The peer ends the session; what it sent before is still to be taken. */
static int take_fail(struct inbox *in, const struct frame *f)
{
    pthread_mutex_lock(&in->lock);
    in->message = strndup((const char *)f->data, f->length);
    pthread_mutex_unlock(&in->lock);
    return -ECONNABORTED;
}

/* That the peer is alive does not say that it gets on. */
static void note_heard(struct inbox *in, const struct frame *f)
{
    uint64_t worked;

    pthread_mutex_lock(&in->lock);
    worked = f->type == FRAME_ALIVE && f->length == 8 ? get_le64(f->data) :
        in->worked;
    if (f->type != FRAME_ALIVE || worked != in->worked)
        in->heard_ms = monotonic_ms();
    in->worked = worked;
    pthread_mutex_unlock(&in->lock);
}

static int deliver(struct inbox *in, struct frame *f)
{
    int rc = 0;

    note_heard(in, f);
    if (f->type == FRAME_XL || PROTO_IS_MEMORY(f->type))
        rc = in->bytes ? in->bytes(in->opaque, f) : -EPROTO;
    else if (f->type == FRAME_FAIL)
        rc = take_fail(in, f);
    else if (!(f->type & PROTO_OPTIONAL))
        return enqueue(in, f);
    frame_release(f);
    return rc;
}

static void log_misplaced(const struct inbox *in, uint16_t type)
{
    log_error("%s: sent %s where it does not belong; the versions of xl-dedup "
              "on both hosts do not fit together, or one of them is at fault",
              in->peer, proto_name(type));
}

static void *receive(void *opaque)
{
    struct inbox *in = opaque;
    struct frame f = { 0 };
    uint16_t type;
    unsigned i;
    int rc;

    do {
        rc = wire_recv(in->wire, &f);
        type = f.type;
        if (!rc) {
            rc = deliver(in, &f);
            /* Everything else that is wrong has been logged. */
            if (rc == -EPROTO)
                log_misplaced(in, type);
        }
    } while (!rc);
    frame_release(&f);
    pthread_mutex_lock(&in->lock);
    in->ended = rc;
    queue_signal(&in->session);
    for (i = 0; i < in->n_disks; i++)
        queue_signal(&in->disks[i]);
    pthread_cond_broadcast(&in->end);
    pthread_mutex_unlock(&in->lock);
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
    pthread_mutex_init(&in->lock, NULL);
    pthread_cond_init(&in->room, NULL);
    monotonic_cond_init(&in->end);
    rc = queue_init(&in->session);
    if (rc) {
        free(in);
        return rc;
    }
    rc = -pthread_create(&thread, NULL, receive, in);
    if (rc) {
        close(in->session.event_fd);
        free(in);
        return rc;
    }
    /* Ends with the wire or with the process. */
    pthread_detach(thread);
    *in_r = in;
    return 0;
}

int inbox_split(struct inbox *in, unsigned n_disks)
{
    struct queue *list = calloc(n_disks + 1, sizeof(*list));
    unsigned i;
    int rc = list ? 0 : -ENOMEM;

    for (i = 0; i < n_disks && !rc; i++)
        rc = queue_init(&list[i]);
    if (rc) {
        while (list && i-- > 0)
            if (list[i].event_fd >= 0)
                close(list[i].event_fd);
        free(list);
        return rc;
    }
    pthread_mutex_lock(&in->lock);
    in->disks = list;
    in->n_disks = n_disks;
    for (i = 0; i < n_disks && in->ended; i++)
        queue_signal(&list[i]);
    pthread_mutex_unlock(&in->lock);
    return 0;
}

void inbox_watch(struct inbox *in, int fd, short events)
{
    in->watch_fd = fd;
    in->watch_events = events;
}

int inbox_fd(const struct inbox *in)
{
    return in->session.event_fd;
}

bool inbox_over(struct inbox *in)
{
    bool over;

    pthread_mutex_lock(&in->lock);
    over = in->ended != 0;
    pthread_mutex_unlock(&in->lock);
    return over;
}

/* Whether nothing more is to come for the session. */
static bool session_over(struct inbox *in)
{
    bool over;

    pthread_mutex_lock(&in->lock);
    over = in->ended && !in->session.head;
    pthread_mutex_unlock(&in->lock);
    return over;
}

int inbox_wait(struct inbox *in, int fd, int milliseconds)
{
    struct pollfd fds[3] = {
        { .fd = fd, .events = POLLIN },
        { .fd = in->watch_fd, .events = in->watch_events },
        { .fd = in->session.event_fd, .events = POLLIN },
    };
    /* If the session's queue itself is waited for, it must not be in the list
     * twice: a frame may come while poll is between the two. */
    bool twice = fd == in->session.event_fd;
    int n;

    for (;;) {
        fds[2].revents = 0;
        n = poll(fds, twice || session_over(in) ? 2 : 3, milliseconds);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -EAGAIN;
        if (n < 0)
            continue;
        /* A frame that is there explains more than a channel that closed. */
        if (fds[0].revents)
            return 0;
        if (fds[2].revents && !session_over(in))
            return -EBUSY;
        if (fds[1].revents)
            return -ECANCELED;
    }
}

/* The peer's words. */
static void log_message(const struct inbox *in)
{
    if (*in->message)
        log_error("%s: %.4000s", in->peer, in->message);
}

/* Says it once.  Called with the lock held. */
static void say_why(struct inbox *in, int rc)
{
    if (in->explained || in->hushed)
        return;
    in->explained = true;
    if (rc == -ECONNABORTED && in->message)
        log_message(in);
    else if (rc == -EPIPE)
        log_error("%s: the connection was closed", in->peer);
    else if (rc == -ETIMEDOUT)
        log_error("%s: the line was silent for %u seconds and is taken for "
                  "dead; --timeout sets another limit", in->peer,
                  wire_timeout(in->wire));
    else if (rc != -EPROTO)
        log_errno(rc, "%s: the connection failed", in->peer);
}

/* The next entry, or, if there is none, the reason of the end. */
static int dequeue(struct inbox *in, struct queue *q, struct frame *f)
{
    struct entry *e;
    int rc = 0;

    pthread_mutex_lock(&in->lock);
    e = q->head;
    if (e) {
        q->head = e->next;
        if (!q->head)
            q->tail = &q->head;
        in->queued -= e->frame.length + sizeof(*e);
        pthread_cond_signal(&in->room);
        *f = e->frame;
        free(e);
    } else {
        /* Whoever asks once more gets the same answer. */
        queue_signal(q);
        /* A frame of the session's that nobody took may say more. */
        if (!in->session.head)
            say_why(in, in->ended);
        rc = in->ended == -ECONNABORTED ? in->ended : -EPIPE;
    }
    pthread_mutex_unlock(&in->lock);
    return rc;
}

/* Takes the count of one entry off the event. */
static int take_event(struct queue *q)
{
    uint64_t count;
    ssize_t n;

    do
        n = read(q->event_fd, &count, sizeof(count));
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int inbox_next(struct inbox *in, uint16_t disk, struct frame *f)
{
    struct queue *q = queue_of(in, disk);
    int rc = 0;

    if (q == &in->session)
        rc = inbox_wait(in, q->event_fd, -1);
    if (!rc)
        rc = take_event(q);
    return rc ? rc : dequeue(in, q, f);
}

void inbox_limit(struct inbox *in, unsigned seconds)
{
    pthread_mutex_lock(&in->lock);
    in->limit = seconds;
    pthread_mutex_unlock(&in->lock);
}

uint64_t inbox_heard_ms(struct inbox *in)
{
    uint64_t ms;

    pthread_mutex_lock(&in->lock);
    ms = in->heard_ms;
    pthread_mutex_unlock(&in->lock);
    return ms;
}

/* Whether the peer has got no further since, for longer than it may. */
static bool gets_stuck(struct inbox *in, uint64_t since, const char *task)
{
    bool stuck, said;
    unsigned limit;

    pthread_mutex_lock(&in->lock);
    if (since < in->heard_ms)
        since = in->heard_ms;
    limit = in->limit;
    stuck = limit && !in->ended &&
        monotonic_ms() - since >= UINT64_C(1000) * limit;
    said = in->explained;
    in->explained = said || stuck;
    pthread_mutex_unlock(&in->lock);
    if (stuck && !said)
        log_error("%s: was to %s and has got no further for %u seconds; does "
                  "its storage hang? --dedup-timeout sets another limit",
                  in->peer, task, limit);
    return stuck;
}

int inbox_await(struct inbox *in, uint16_t disk, const char *task,
                struct frame *f)
{
    struct pollfd pfd = {
        .fd = queue_of(in, disk)->event_fd, .events = POLLIN
    };
    uint64_t since = monotonic_ms(), waited;
    int n;

    while ((n = poll(&pfd, 1, LOOK_MS)) <= 0) {
        if (n < 0 && errno != EINTR)
            return -errno;
        if (gets_stuck(in, since, task))
            return -ETIME;
        waited = (monotonic_ms() - since) / 1000;
        if (waited >= SHOW_SECONDS)
            log_progress("waiting for %s to %s, %u s", in->peer, task,
                         (unsigned)waited);
    }
    return inbox_next(in, disk, f);
}

int inbox_next_or(struct inbox *in, uint16_t disk, int fd, struct frame *f)
{
    struct pollfd fds[2] = {
        { .fd = queue_of(in, disk)->event_fd, .events = POLLIN },
        { .fd = fd, .events = POLLIN },
    };

    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR)
            return -errno;
    return fds[0].revents ? inbox_next(in, disk, f) : -ECANCELED;
}

void inbox_hush(struct inbox *in)
{
    pthread_mutex_lock(&in->lock);
    in->hushed = true;
    pthread_mutex_unlock(&in->lock);
}

void inbox_explain(struct inbox *in, int rc)
{
    struct timespec until;

    if (rc != -EPIPE && rc != -ETIMEDOUT)
        return;
    until = monotonic_in(EXPLAIN_SECONDS * 1000);
    pthread_mutex_lock(&in->lock);
    in->discard = true;
    pthread_cond_broadcast(&in->room);
    while (rc == -EPIPE && !in->explained && !in->hushed && !in->ended &&
           pthread_cond_timedwait(&in->end, &in->lock, &until) != ETIMEDOUT)
        ;
    say_why(in, rc == -EPIPE && in->ended ? in->ended : rc);
    pthread_mutex_unlock(&in->lock);
}

int inbox_try(struct inbox *in, uint16_t disk, struct frame *f)
{
    struct pollfd pfd = {
        .fd = queue_of(in, disk)->event_fd, .events = POLLIN
    };

    return poll(&pfd, 1, 0) > 0 ? inbox_next(in, disk, f) : -EAGAIN;
}

static int check_type(struct inbox *in, uint16_t type, struct frame *f)
{
    int rc;

    if (f->type == type)
        return 0;
    rc = inbox_misplaced(in, f);
    frame_release(f);
    return rc;
}

int inbox_misplaced(struct inbox *in, const struct frame *f)
{
    int rc = -EPROTO;

    pthread_mutex_lock(&in->lock);
    in->hushed = false;
    if (in->ended == -ECONNABORTED) {
        say_why(in, in->ended);
        rc = in->ended;
    } else if (!in->explained) {
        log_misplaced(in, f->type);
        in->explained = true;
    }
    pthread_mutex_unlock(&in->lock);
    return rc;
}

int inbox_expect(struct inbox *in, uint16_t disk, uint16_t type,
                 struct frame *f)
{
    int rc = inbox_next(in, disk, f);

    return rc ? rc : check_type(in, type, f);
}

int inbox_expect_task(struct inbox *in, uint16_t disk, const char *task,
                      uint16_t type, struct frame *f)
{
    int rc = inbox_await(in, disk, task, f);

    return rc ? rc : check_type(in, type, f);
}
