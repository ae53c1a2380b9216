/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Carries bytes from xl to the wire; see pump.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "plugin/proto.h"
#include "plugin/xl/pump.h"

#define PUMP_BYTES (256u << 10)

/* The size of xl's pipe, so that xl need not wait for every piece that we
 * take. */
#define PIPE_BYTES (1 << 20)

/* Milliseconds without a byte after which a diverted stream is told so. */
#define IDLE_MS 20

struct pump {
    int fd;                 /* pump thread only */
    bool drain;
    bool fed;               /* the sink, since it was told to be idle */
    struct wire *wire;
    struct pump_sink sink;  /* set before the switch to its type */
    uint16_t sink_type;
    int wake_fd;
    int eof_fd;
    pthread_mutex_t lock;   /* covers what follows */
    pthread_cond_t switched;
    uint16_t type;
    uint16_t next_type;     /* differs from type: a switch is asked for */
    uint64_t bytes;         /* since the last switch */
    bool ended;
    int rc;
    uint8_t buffer[PUMP_BYTES];
};

static void raise_event(int fd)
{
    uint64_t one = 1;

    while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static void discard(struct pump *p)
{
    ssize_t n;

    do
        n = read(p->fd, p->buffer, sizeof(p->buffer));
    while (n > 0 || (n < 0 && errno == EINTR));
}

static void end(struct pump *p, int rc)
{
    pthread_mutex_lock(&p->lock);
    p->rc = rc;
    pthread_mutex_unlock(&p->lock);
    if (rc && p->drain)
        discard(p);
    close(p->fd);
    p->fd = -1;
    pthread_mutex_lock(&p->lock);
    p->ended = true;
    pthread_cond_broadcast(&p->switched);
    pthread_mutex_unlock(&p->lock);
    raise_event(p->eof_fd);
}

static int hand_on(struct pump *p, size_t n)
{
    if (!p->sink.bytes || p->type != p->sink_type)
        return wire_send(p->wire, p->type, PROTO_NO_DISK, p->buffer, n);
    p->fed = true;
    return p->sink.bytes(p->sink.opaque, p->buffer, n);
}

static void idle(struct pump *p)
{
    int rc = p->sink.idle(p->sink.opaque);

    p->fed = false;
    if (rc)
        end(p, rc);
}

/* Carries what one read gives.  False at the end. */
static bool carry(struct pump *p)
{
    ssize_t n = read(p->fd, p->buffer, sizeof(p->buffer));
    int rc;

    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0) {
        end(p, 0);
        return false;
    }
    rc = hand_on(p, n);
    if (rc) {
        end(p, rc);
        return false;
    }
    pthread_mutex_lock(&p->lock);
    p->bytes += n;
    pthread_mutex_unlock(&p->lock);
    return true;
}

static void do_switch(struct pump *p)
{
    uint64_t count;
    struct pollfd pfd = { .fd = p->fd, .events = POLLIN };

    if (read(p->wake_fd, &count, sizeof(count)) < 0)
        return;
    while (poll(&pfd, 1, 0) > 0)
        if (!carry(p))
            return;
    pthread_mutex_lock(&p->lock);
    p->type = p->next_type;
    p->fed = false;
    pthread_cond_broadcast(&p->switched);
    pthread_mutex_unlock(&p->lock);
}

static void *run(void *opaque)
{
    struct pump *p = opaque;
    struct pollfd fds[2];
    int n;

    while (p->fd >= 0) {
        fds[0] = (struct pollfd){ .fd = p->fd, .events = POLLIN };
        fds[1] = (struct pollfd){ .fd = p->wake_fd, .events = POLLIN };
        n = poll(fds, 2, p->fed ? IDLE_MS : -1);
        if (n < 0)
            continue;
        if (n == 0)
            idle(p);
        else if (fds[1].revents)
            do_switch(p);
        else
            carry(p);
    }
    return NULL;
}

int pump_start(struct pump **p_r, int fd, struct wire *w, uint16_t type,
               bool drain)
{
    struct pump *p = calloc(1, sizeof(*p));
    pthread_t thread;
    int rc;

    if (!p)
        return -ENOMEM;
    p->fd = fd;
    p->drain = drain;
    p->wire = w;
    p->type = p->next_type = type;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->switched, NULL);
    p->wake_fd = eventfd(0, EFD_CLOEXEC);
    p->eof_fd = eventfd(0, EFD_CLOEXEC);
    rc = p->wake_fd < 0 || p->eof_fd < 0 ? -errno :
        -pthread_create(&thread, NULL, run, p);
    if (rc) {
        free(p);
        return rc;
    }
    pthread_detach(thread);
    *p_r = p;
    return 0;
}

void pump_divert(struct pump *p, uint16_t type, const struct pump_sink *sink)
{
    pthread_mutex_lock(&p->lock);
    p->sink = *sink;
    p->sink_type = type;
    /* Only a hint. */
    fcntl(p->fd, F_SETPIPE_SZ, PIPE_BYTES);
    pthread_mutex_unlock(&p->lock);
}

int pump_switch(struct pump *p, uint16_t type, uint64_t *bytes_r)
{
    int rc = 0;

    pthread_mutex_lock(&p->lock);
    p->next_type = type;
    raise_event(p->wake_fd);
    while (p->type != type && !p->ended)
        pthread_cond_wait(&p->switched, &p->lock);
    if (p->ended)
        rc = p->rc ? p->rc : -ECANCELED;
    if (bytes_r)
        *bytes_r = p->bytes;
    p->bytes = 0;
    pthread_mutex_unlock(&p->lock);
    return rc;
}

int pump_error(struct pump *p)
{
    int rc;

    pthread_mutex_lock(&p->lock);
    rc = p->rc;
    pthread_mutex_unlock(&p->lock);
    return rc;
}

int pump_eof_fd(const struct pump *p)
{
    return p->eof_fd;
}
