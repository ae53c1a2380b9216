/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of control.c: messages over a real SOCK_SEQPACKET pair. */
#include "config.h"

#include <sys/socket.h>

#include "test/unit/unit.h"

#include "plugin/xl/control.h"

static struct control_msg msg;

static void channel(int fds[2])
{
    assert(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds));
}

static void messages(void)
{
    int fds[2];

    channel(fds);
    assert(!control_send(fds[0], "disk", "vdev", "xvda", "path", "/a=b",
                         "script", NULL, "empty", "", NULL));
    assert(!control_send(fds[0], "go", NULL));
    assert(!control_recv(fds[1], &msg));
    assert(!strcmp(control_verb(&msg), "disk"));
    assert(!strcmp(control_get(&msg, "vdev"), "xvda"));
    assert(!strcmp(control_get(&msg, "path"), "/a=b"));
    assert(!strcmp(control_get(&msg, "script"), ""));
    assert(!strcmp(control_get(&msg, "empty"), ""));
    assert(!control_get(&msg, "pat"));
    assert(!control_get(&msg, "disk"));
    assert(!control_get(&msg, "format"));
    assert(!control_recv(fds[1], &msg));
    assert(!strcmp(control_verb(&msg), "go"));
    assert(!control_get(&msg, "vdev"));
    close(fds[0]);
    assert(control_recv(fds[1], &msg) == -EPIPE);
    assert(control_send(fds[1], "fail", NULL) == -EPIPE);
    close(fds[1]);
}

/* Everything that fits goes through, and one byte more does not. */
static void oversize(void)
{
    char *value = calloc(1, CONTROL_MAX + 2);
    const size_t around = sizeof("disk") + sizeof("path=");
    int fds[2];

    channel(fds);
    memset(value, 'x', CONTROL_MAX + 1);
    assert(control_send(fds[0], "disk", "path", value, NULL) == -EMSGSIZE);
    assert(control_send(fds[0], value, NULL) == -EMSGSIZE);
    value[CONTROL_MAX - around + 1] = '\0';
    assert(control_send(fds[0], "disk", "path", value, NULL) == -EMSGSIZE);
    value[CONTROL_MAX - around] = '\0';
    assert(!control_send(fds[0], "disk", "path", value, NULL));
    assert(!control_recv(fds[1], &msg));
    assert(msg.length == CONTROL_MAX);
    assert(!strcmp(control_get(&msg, "path"), value));
    close(fds[0]);
    close(fds[1]);
    free(value);
}

static int raw(const void *data, size_t length)
{
    int fds[2], rc;

    channel(fds);
    assert(send(fds[0], data, length, 0) == (ssize_t)length);
    rc = control_recv(fds[1], &msg);
    close(fds[0]);
    close(fds[1]);
    return rc;
}

static void no_messages(void)
{
    char *large = calloc(1, CONTROL_MAX + 100);

    assert(raw("go", 2) == -EPROTO);
    assert(raw("disk\0path=x", 11) == -EPROTO);
    assert(raw(large, CONTROL_MAX + 1) == -EPROTO);
    assert(raw(large, CONTROL_MAX) == 0);
    assert(raw("", 1) == 0 && !*control_verb(&msg));
    assert(raw("\0a=b", 5) == 0);
    assert(!strcmp(control_get(&msg, "a"), "b"));
    free(large);
}

int main(void)
{
    RUN(messages);
    RUN(oversize);
    RUN(no_messages);
    return 0;
}
