/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control channel beside a session; see hook_channel.h. */
#include "config.h"

#include <errno.h>
#include <poll.h>

#include "plugin/proto.h"
#include "plugin/xl/hook_channel.h"

int hook_channel_next(const struct hook_channel *h, struct control_msg *msg,
                      int milliseconds)
{
    struct frame f;
    int rc;

    inbox_watch(h->inbox, h->fd, POLLIN);
    rc = inbox_wait(h->inbox, inbox_fd(h->inbox), milliseconds);
    if (!rc)
        rc = inbox_next(h->inbox, PROTO_NO_DISK, &f);
    if (!rc) {
        rc = inbox_misplaced(h->inbox, &f);
        frame_release(&f);
        return rc;
    }
    if (rc != -ECANCELED)
        return rc;
    rc = control_recv(h->fd, msg);
    return rc == -EPIPE ? -ECANCELED : rc;
}

int hook_channel_say(const struct hook_channel *h, const char *verb)
{
    int rc = control_send(h->fd, verb, NULL);

    return rc == -EPIPE ? -ECANCELED : rc;
}

void hook_channel_watch_end(const struct hook_channel *h)
{
    inbox_watch(h->inbox, h->fd, POLLRDHUP);
}
