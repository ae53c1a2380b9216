/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control channel between libxlhooks and the helpers; see control.h. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "plugin/xl/control.h"

static int append(struct control_msg *msg, const char *s, char end)
{
    size_t n = strlen(s);

    if (n >= CONTROL_MAX - msg->length)
        return -EMSGSIZE;
    memcpy(msg->data + msg->length, s, n);
    msg->data[msg->length + n] = end;
    msg->length += n + 1;
    return 0;
}

int control_send(int fd, const char *verb, ...)
{
    struct control_msg msg = { 0 };
    const char *key, *value;
    va_list ap;
    ssize_t n;
    int rc;

    rc = append(&msg, verb, '\0');
    va_start(ap, verb);
    while (!rc && (key = va_arg(ap, const char *))) {
        value = va_arg(ap, const char *);
        rc = append(&msg, key, '=');
        if (!rc)
            rc = append(&msg, value ? value : "", '\0');
    }
    va_end(ap);
    if (rc)
        return rc;
    do
        n = send(fd, msg.data, msg.length, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == ECONNRESET ? -EPIPE : -errno;
    return 0;
}

int control_recv(int fd, struct control_msg *msg)
{
    ssize_t n;

    do
        n = recv(fd, msg->data, CONTROL_MAX, MSG_TRUNC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == ECONNRESET ? -EPIPE : -errno;
    if (n == 0)
        return -EPIPE;
    if (n > CONTROL_MAX || msg->data[n - 1] != '\0')
        return -EPROTO;
    msg->length = n;
    return 0;
}

const char *control_verb(const struct control_msg *msg)
{
    return msg->data;
}

const char *control_get(const struct control_msg *msg, const char *key)
{
    size_t n = strlen(key);
    const char *p = msg->data, *end = msg->data + msg->length;

    for (p += strlen(p) + 1; p < end; p += strlen(p) + 1)
        if (!strncmp(p, key, n) && p[n] == '=')
            return p + n + 1;
    return NULL;
}
