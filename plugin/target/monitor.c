/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that keeps the rights, and asking it; see monitor.h.
 * Source: unix(7), cmsg(3). */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin/base/fdio.h"
#include "plugin/base/log.h"
#include "plugin/index/index_add_image.h"
#include "plugin/target/destination_begin.h"
#include "plugin/target/destination_lookout.h"
#include "plugin/target/destination_place.h"
#include "plugin/target/destination_storage.h"
#include "plugin/target/monitor.h"
#include "plugin/target/monitor_message.h"
#include "plugin/target/monitor_serve.h"
#include "plugin/target/passed_secrets.h"
#include "plugin/target/session.h"
#include "plugin/wire/listing.h"

#define GONE "the part of xl-dedup there that may put disks in place has ended"

struct monitor {
    int fd;
    pid_t pid;
    struct references *references;
    pthread_mutex_t lock;       /* one question at a time */
};

/* Asking */

/* more: bytes after the head.  Descriptors that come along, fds (room for two),
 * are the caller's; *n_fds_r is their number. */
static int exchange(const struct monitor *m, const struct monitor_question *q,
                    size_t more, struct monitor_answer *a, int *fds,
                    unsigned *n_fds_r)
{
    const size_t head = offsetof(struct monitor_question, secrets);
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(2 * sizeof(int))];
    } control = { .room = "" };
    struct iovec part = { a, sizeof(*a) };
    struct msghdr msg = {
        .msg_iov = &part, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof(control),
    };
    ssize_t n;

    do
        n = send(m->fd, q, head + more, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)(head + more))
        return -EIO;
    do
        n = recvmsg(m->fd, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(*a))
        return -EIO;
    if (CMSG_FIRSTHDR(&msg)) {
        *n_fds_r = (control.header.cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(&control.header), *n_fds_r * sizeof(int));
    }
    return 0;
}

/* Without an answer there is one: that nobody can be asked. */
static int ask(struct monitor *m, const struct monitor_question *q, size_t more,
               struct monitor_answer *a, int *fds, unsigned *n_fds_r)
{
    int none[2], rc;
    unsigned n = 0;

    pthread_mutex_lock(&m->lock);
    rc = exchange(m, q, more, a, fds ? fds : none, &n);
    pthread_mutex_unlock(&m->lock);
    if (rc) {
        *a = (struct monitor_answer){ .rc = rc, .reason = GONE };
        n = 0;
    }
    if (n_fds_r)
        *n_fds_r = n;
    return a->rc;
}

/* Of a disk */

static void take_state(struct destination *dest,
                       const struct monitor_answer *a)
{
    dest->foreign = a->foreign;
    dest->claim.foreign = dest->claim.foreign && a->foreign;
    dest->begun = a->begun;
    dest->nothing = a->nothing;
    dest->placeholder = a->placeholder;
    dest->found = a->found;
    if (*a->reason)
        destination_give_up(dest, a->rc, a->reason);
}

static int ask_of_disk(struct target_disk *d, struct monitor_question *q,
                       size_t more, struct monitor_answer *a)
{
    int rc;

    q->number = d->number;
    rc = ask(d->monitor, q, more, a, NULL, NULL);
    if (rc == -EIO && !strcmp(a->reason, GONE))
        destination_give_up(&d->dest, rc, GONE);
    else if (q->verb != MONITOR_RELEASE)
        take_state(&d->dest, a);
    return rc;
}

static int ask_simply(struct target_disk *d, enum monitor_verb verb)
{
    struct monitor_question q = { .verb = verb };
    struct monitor_answer a;

    return ask_of_disk(d, &q, 0, &a);
}

/* Any thread. */
static int look(void *opaque, char *why, size_t size)
{
    struct target_disk *d = opaque;
    struct monitor_question q = { .verb = MONITOR_LOOK, .number = d->number };
    struct monitor_answer a;
    int rc = ask(d->monitor, &q, 0, &a, NULL, NULL);

    return rc ? explain(why, size, rc, "%s", a.reason) : 0;
}

int monitor_own(struct target_disk *d)
{
    return d->monitor ? ask_simply(d, MONITOR_OWN) :
        destination_own(&d->dest);
}

int monitor_begin(struct target_disk *d)
{
    return d->monitor && d->dest.block ? ask_simply(d, MONITOR_BEGIN) :
        destination_begin(&d->dest);
}

int monitor_placeholder(struct target_disk *d)
{
    return d->monitor ? ask_simply(d, MONITOR_PLACEHOLDER) :
        destination_placeholder(&d->dest);
}

void monitor_release(struct target_disk *d)
{
    struct monitor_question q = { .verb = MONITOR_RELEASE };
    struct monitor_answer a;

    if (!d->monitor) {
        destination_release(&d->dest);
        return;
    }
    destination_settle(&d->dest);
    q.flag = d->dest.spoiled;
    ask_of_disk(d, &q, 0, &a);
    destination_leave(&d->dest);
}

/* By itself. */
static int place_here(struct target_disk *d, const uint8_t root[HASH_BYTES])
{
    int rc = destination_place(&d->dest, root);

    if (!rc && !stamp_of(d->path, &d->index_stamp))
        d->index_name = index_name_of(d->path, d->dest.block);
    return rc;
}

int monitor_place(struct target_disk *d, const uint8_t root[HASH_BYTES])
{
    struct monitor_question q = { .verb = MONITOR_PLACE };
    struct monitor_answer a;
    int rc;

    if (!d->monitor)
        return place_here(d, root);
    rc = destination_make_durable(&d->dest);
    if (rc)
        return rc;
    if (root) {
        q.rooted = true;
        memcpy(q.root, root, HASH_BYTES);
    }
    rc = ask_of_disk(d, &q, 0, &a);
    if (!rc || a.placed)
        destination_was_placed(&d->dest);
    if (!rc && *a.name) {
        d->index_name = strdup(a.name);
        d->index_stamp = a.stamp;
    }
    return rc;
}

void monitor_keep_secrets(struct target_disk *d)
{
    struct monitor_question q = { .verb = MONITOR_SECRETS };
    struct monitor_answer a;

    if (!d->monitor) {
        passed_secrets_keep(d);
        return;
    }
    q.n = d->n_passed;
    memcpy(q.secrets, d->passed, q.n * sizeof(*q.secrets));
    ask_of_disk(d, &q, q.n * sizeof(*q.secrets), &a);
}

void monitor_keep_listing(struct target_disk *d)
{
    struct monitor_question q = { .verb = MONITOR_LISTING,
                                  .number = d->number };
    struct monitor_answer a;
    unsigned n;
    int fds[2];

    if (!d->monitor) {
        listing_keep(d->known_list);
        return;
    }
    if (!d->known_list || ask(d->monitor, &q, 0, &a, fds, &n) || n != 1)
        return;
    q.verb = MONITOR_LISTING_END;
    q.flag = listing_write(d->known_list, fds[0]);
    if (close(fds[0]))
        q.flag = false;
    ask(d->monitor, &q, 0, &a, NULL, NULL);
}

/* Of references */

static int open_reference(void *opaque, size_t i, struct image *img)
{
    struct monitor_question q = { .verb = MONITOR_OPEN, .number = i };
    struct monitor *m = opaque;
    struct monitor_answer a;
    unsigned n;
    int fds[2], rc;

    *img = (struct image)IMAGE_INIT;
    rc = ask(m, &q, 0, &a, fds, &n);
    if (rc || n == 0)
        return rc ? rc : -EIO;
    *img = a.image;
    img->fd = fds[0];
    img->direct_fd = n > 1 ? fds[1] : -1;
    img->path = strdup(references_images(m->references)->list.items[i].path);
    return 0;
}

static int stamp_reference(void *opaque, size_t i, struct stamp *s_r)
{
    struct monitor_question q = { .verb = MONITOR_STAMP, .number = i };
    struct monitor_answer a;
    int rc = ask(opaque, &q, 0, &a, NULL, NULL);

    if (!rc)
        *s_r = a.stamp;
    return rc;
}

static int read_references(void *opaque, const uint32_t *images, size_t n,
                           bool gently)
{
    struct monitor_question q = { .verb = MONITOR_READ, .flag = gently,
                                  .n = n };
    struct monitor_answer a;

    memcpy(q.images, images, n * sizeof(*images));
    return ask(opaque, &q, n * sizeof(*images), &a, NULL, NULL);
}

static bool read_ended(void *opaque)
{
    struct monitor_question q = { .verb = MONITOR_READ_ENDED };
    struct monitor_answer a;

    return ask(opaque, &q, 0, &a, NULL, NULL) || a.ended;
}

static void stop_reading(void *opaque)
{
    struct monitor_question q = { .verb = MONITOR_READ_STOP };
    struct monitor_answer a;

    ask(opaque, &q, 0, &a, NULL, NULL);
}

/* Start and end */

/* The engine's other descriptors would keep the line open, and xl waiting. */
static void close_others(const struct receiver *r, int fd)
{
    const size_t of_disk = 5;
    int *keep = calloc(1 + of_disk * r->n_disks, sizeof(*keep));
    const struct destination *dest;
    size_t n = 0;
    unsigned i;

    if (!keep)
        _exit(1);
    keep[n++] = fd;
    for (i = 0; i < r->n_disks; i++) {
        dest = &r->disks[i]->dest;
        keep[n++] = dest->directory_fd;
        keep[n++] = dest->fd;
        keep[n++] = dest->main_staging_fd;
        keep[n++] = dest->storage.fd;
        keep[n++] = dest->storage.direct_fd;
    }
    fd_null(STDOUT_FILENO);
    fd_close_others(keep, n);
    free(keep);
}

static void run(struct receiver *r, int fd)
{
    static const int outlived[] = { SIGHUP, SIGINT, SIGTERM, SIGPIPE };
    size_t i;

    for (i = 0; i < sizeof(outlived) / sizeof(outlived[0]); i++)
        signal(outlived[i], SIG_IGN);
    close_others(r, fd);
    monitor_serve(r, fd);
    _exit(0);
}

static void use(struct monitor *m, struct receiver *r)
{
    const struct image_system images = {
        .open = open_reference,
        .stamp = stamp_reference,
        .opaque = m,
    };
    const struct reference_system system = {
        .read = read_references,
        .read_ended = read_ended,
        .read_stop = stop_reading,
        .opaque = m,
    };
    struct target_disk *d;
    unsigned i;

    references_set_system(r->references, &system, &images);
    for (i = 0; i < r->n_disks; i++) {
        d = r->disks[i];
        d->monitor = m;
        d->dest.look = look;
        d->dest.look_opaque = d;
        destination_leave_names(&d->dest);
    }
}

int monitor_start(struct monitor **m_r, struct receiver *r, char *why,
                  size_t size)
{
    struct monitor *m = calloc(1, sizeof(*m));
    int ends[2];

    if (!m)
        return explain(why, size, -ENOMEM, "out of memory");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
        free(m);
        return explain(why, size, -errno, "no socket can be had: %s",
                       strerror(errno));
    }
    m->pid = fork();
    if (m->pid == 0)
        run(r, ends[1]);
    close(ends[1]);
    if (m->pid < 0) {
        explain(why, size, -errno, "no process can be started: %s",
                strerror(errno));
        close(ends[0]);
        free(m);
        return -EAGAIN;
    }
    m->fd = ends[0];
    m->references = r->references;
    pthread_mutex_init(&m->lock, NULL);
    use(m, r);
    *m_r = m;
    return 0;
}

void monitor_stop(struct monitor *m)
{
    if (!m)
        return;
    close(m->fd);
    while (waitpid(m->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    pthread_mutex_destroy(&m->lock);
    free(m);
}
