/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the monitor does for the engine; see monitor_serve.h.
 *
 * Of a question only numbers, flags and secrets are used, and each of them is
 * checked: the engine may be in somebody else's hands. */
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugin/image/users.h"
#include "plugin/index/index_add_image.h"
#include "plugin/target/destination_begin.h"
#include "plugin/target/destination_lookout.h"
#include "plugin/target/destination_place.h"
#include "plugin/target/destination_storage.h"
#include "plugin/target/monitor_message.h"
#include "plugin/target/monitor_serve.h"
#include "plugin/target/passed_secrets.h"
#include "plugin/target/session.h"
#include "plugin/wire/listing.h"

struct serving {
    struct receiver *r;
    struct reference_images *images;
    struct image_system image;
    struct reference_system here;
    struct monitor_question q;
    struct monitor_answer a;
    int fds[2];                 /* go with the answer, and are closed then */
    unsigned n_fds;
    bool released[PROTO_DISKS_MAX];
    bool listing[PROTO_DISKS_MAX];      /* one is being written */
};

/* Disks */

static int look(struct serving *s, struct target_disk *d)
{
    return destination_look_again(&d->dest, s->a.reason,
                                  sizeof(s->a.reason));
}

static int place(struct serving *s, struct target_disk *d)
{
    char *name;
    int rc;

    if (d->placed)
        return -EPROTO;
    /* The engine has made it durable: the guest stands still. */
    rc = destination_place_durable(&d->dest, s->q.rooted ? s->q.root : NULL);
    if (rc)
        return rc;
    d->placed = true;
    name = index_name_of(d->path, d->dest.block);
    if (name && strlen(name) < sizeof(s->a.name) &&
        !stamp_of(d->path, &s->a.stamp))
        memcpy(s->a.name, name, strlen(name));
    free(name);
    return 0;
}

static int keep_secrets(const struct serving *s, struct target_disk *d)
{
    if (!d->placed || s->q.n > PROTO_PROOFS_MAX)
        return -EPROTO;
    memcpy(d->passed, s->q.secrets, s->q.n * sizeof(*d->passed));
    d->n_passed = s->q.n;
    passed_secrets_keep(d);
    passed_secrets_forget(d);
    return 0;
}

static int open_listing(struct serving *s, const struct target_disk *d)
{
    int fd;

    if (!d->placed || !d->known_list || s->listing[d->number])
        return -EPROTO;
    fd = listing_keep_begin(d->known_list);
    if (fd < 0)
        return fd;
    s->listing[d->number] = true;
    s->fds[s->n_fds++] = fd;
    return 0;
}

static int end_listing(struct serving *s, const struct target_disk *d)
{
    if (!s->listing[d->number])
        return -EPROTO;
    s->listing[d->number] = false;
    listing_keep_end(d->known_list, s->q.flag);
    return 0;
}

static int release(struct serving *s, struct target_disk *d)
{
    if (s->q.flag)
        destination_spoil(&d->dest);
    destination_release(&d->dest);
    s->released[d->number] = true;
    return 0;
}

/* A dry run writes nothing. */
static int serve_disk(struct serving *s, struct target_disk *d)
{
    if (s->released[d->number] ||
        (d->dry && s->q.verb != MONITOR_RELEASE))
        return -EPROTO;
    switch (s->q.verb) {
    case MONITOR_LOOK:
        return look(s, d);
    case MONITOR_OWN:
        return d->dest.block && !d->placed ? destination_own(&d->dest) :
            -EPROTO;
    case MONITOR_BEGIN:
        return d->dest.block && !d->dest.begun && !d->placed ?
            destination_begin(&d->dest) : -EPROTO;
    case MONITOR_PLACEHOLDER:
        return d->placed ? -EPROTO : destination_placeholder(&d->dest);
    case MONITOR_PLACE:
        return place(s, d);
    case MONITOR_SECRETS:
        return keep_secrets(s, d);
    case MONITOR_LISTING:
        return open_listing(s, d);
    case MONITOR_LISTING_END:
        return end_listing(s, d);
    default:
        return release(s, d);
    }
}

static void describe(struct serving *s, const struct target_disk *d)
{
    const struct destination *dest = &d->dest;

    s->a.foreign = dest->foreign;
    s->a.begun = dest->begun;
    s->a.nothing = dest->nothing;
    s->a.placeholder = dest->placeholder;
    s->a.placed = dest->placed;
    s->a.found = dest->found;
    if (dest->reason && !*s->a.reason)
        strncpy(s->a.reason, dest->reason, sizeof(s->a.reason) - 1);
}

/* References */

static int open_reference(struct serving *s)
{
    struct image img = IMAGE_INIT;
    int rc = s->image.open(s->image.opaque, s->q.number, &img);

    if (rc)
        return rc;
    s->a.image = img;
    s->a.image.path = NULL;
    s->a.image.unused = NULL;
    s->fds[s->n_fds++] = img.fd;
    if (img.direct_fd >= 0)
        s->fds[s->n_fds++] = img.direct_fd;
    img.fd = img.direct_fd = -1;
    image_release(&img);
    return 0;
}

static int read_references(struct serving *s)
{
    uint32_t i;

    if (s->q.n > REFERENCES_READ_MAX || !s->here.read_ended(s->here.opaque))
        return -EPROTO;
    for (i = 0; i < s->q.n; i++)
        if (s->q.images[i] >= s->images->list.n)
            return -EPROTO;
    return s->here.read(s->here.opaque, s->q.images, s->q.n, s->q.flag);
}

static int serve_reference(struct serving *s)
{
    switch (s->q.verb) {
    case MONITOR_OPEN:
        return s->q.number < s->images->list.n ? open_reference(s) : -EPROTO;
    case MONITOR_STAMP:
        return s->q.number < s->images->list.n ?
            s->image.stamp(s->image.opaque, s->q.number, &s->a.stamp) :
            -EPROTO;
    case MONITOR_READ:
        return read_references(s);
    case MONITOR_READ_ENDED:
        s->a.ended = s->here.read_ended(s->here.opaque);
        return 0;
    case MONITOR_READ_STOP:
        s->here.read_stop(s->here.opaque);
        return 0;
    default:
        return -EPROTO;
    }
}

/* Packets */

/* Whether as much has come as the question says. */
static bool is_whole(const struct monitor_question *q, size_t length)
{
    const size_t head = offsetof(struct monitor_question, secrets);

    if (length < head)
        return false;
    if (q->verb == MONITOR_SECRETS)
        return q->n <= PROTO_PROOFS_MAX &&
            length == head + q->n * sizeof(q->secrets[0]);
    if (q->verb == MONITOR_READ)
        return q->n <= REFERENCES_READ_MAX &&
            length == head + q->n * sizeof(q->images[0]);
    return length == head;
}

static void serve(struct serving *s, size_t length)
{
    struct target_disk *d;

    memset(&s->a, 0, sizeof(s->a));
    s->a.rc = -EPROTO;
    if (!is_whole(&s->q, length))
        return;
    if (s->q.verb > MONITOR_RELEASE) {
        s->a.rc = serve_reference(s);
    } else if (s->q.number < s->r->n_disks) {
        d = s->r->disks[s->q.number];
        s->a.rc = serve_disk(s, d);
        if (!s->released[d->number])
            describe(s, d);
    }
}

static bool answer(struct serving *s, int fd)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(s->fds))];
    } control = { .room = "" };
    struct iovec part = { &s->a, sizeof(s->a) };
    struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };
    ssize_t n;

    if (s->n_fds > 0) {
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE(s->n_fds * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(s->n_fds * sizeof(int));
        memcpy(CMSG_DATA(&control.header), s->fds, s->n_fds * sizeof(int));
    }
    do
        n = sendmsg(fd, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    while (s->n_fds > 0)
        close(s->fds[--s->n_fds]);
    return n == (ssize_t)sizeof(s->a);
}

/* The engine has ended, or was ended. */
static void release_all(struct serving *s)
{
    unsigned i;

    users_belong_together(0);
    s->here.read_stop(s->here.opaque);
    for (i = 0; i < s->r->n_disks; i++) {
        if (s->listing[i])
            listing_keep_end(s->r->disks[i]->known_list, false);
        if (!s->released[i])
            destination_release(&s->r->disks[i]->dest);
    }
    references_remove_temporary(s->r->references);
}

/* What belongs to the engine's threads, of which there is none here. */
static void take_over(struct receiver *r)
{
    struct destination *dest;
    unsigned i;

    for (i = 0; i < r->n_disks; i++) {
        dest = &r->disks[i]->dest;
        dest->coalesce = NULL;
        dest->lookout = NULL;
    }
}

void monitor_serve(struct receiver *r, int fd)
{
    struct serving *s = calloc(1, sizeof(*s));
    ssize_t n;

    if (!s)
        return;
    s->r = r;
    s->images = references_images(r->references);
    reference_images_here(s->images, &s->image);
    references_here(r->references, &s->here);
    take_over(r);
    /* The engine has the disks open as well. */
    users_belong_together(getppid());
    for (;;) {
        n = recv(fd, &s->q, sizeof(s->q), MSG_TRUNC);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        serve(s, n);
        if (!answer(s, fd))
            break;
    }
    release_all(s);
    free(s);
}
