/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of the memory stream, held back; see tail.h. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/fdio.h"
#include "plugin/xl/tail.h"

void tail_init(struct tail *t, int fd)
{
    memset(t, 0, sizeof(*t));
    pthread_mutex_init(&t->lock, NULL);
    t->fd = fd;
}

int tail_pass(struct tail *t, const void *data, size_t length)
{
    return fd_write_all(t->fd, data, length);
}

int tail_memory(struct tail *t, const void *data, size_t length)
{
    const uint8_t *p = data;
    size_t out, from_held, keep;
    int rc = 0;

    pthread_mutex_lock(&t->lock);
    t->memory_bytes += length;
    if (t->released) {
        pthread_mutex_unlock(&t->lock);
        return -EPROTO;
    }
    /* The number of bytes, of those held and of data, that are no longer among
     * the last. */
    out = t->length + length > sizeof(t->bytes) ?
        t->length + length - sizeof(t->bytes) : 0;
    from_held = out < t->length ? out : t->length;
    rc = fd_write_all(t->fd, t->bytes, from_held);
    if (!rc)
        rc = fd_write_all(t->fd, p, out - from_held);
    memmove(t->bytes, t->bytes + from_held, t->length - from_held);
    t->length -= from_held;
    keep = length - (out - from_held);
    memcpy(t->bytes + t->length, p + length - keep, keep);
    t->length += keep;
    pthread_mutex_unlock(&t->lock);
    return rc;
}

uint64_t tail_memory_bytes(struct tail *t)
{
    uint64_t bytes;

    pthread_mutex_lock(&t->lock);
    bytes = t->memory_bytes;
    pthread_mutex_unlock(&t->lock);
    return bytes;
}

int tail_release(struct tail *t)
{
    int rc;

    pthread_mutex_lock(&t->lock);
    t->released = true;
    rc = fd_write_all(t->fd, t->bytes, t->length);
    t->length = 0;
    pthread_mutex_unlock(&t->lock);
    return rc;
}

void tail_close(struct tail *t)
{
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
}
