/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Holds back the end of the memory stream; see tail.h. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/fdio.h"
#include "plugin/xl/tail.h"

void tail_init(struct tail *h, int fd)
{
    memset(h, 0, sizeof(*h));
    pthread_mutex_init(&h->lock, NULL);
    h->fd = fd;
}

int tail_pass(struct tail *h, const void *data, size_t length)
{
    return fd_write_all(h->fd, data, length);
}

int tail_memory(struct tail *h, const void *data, size_t length)
{
    const uint8_t *p = data;
    size_t out, from_tail, keep;
    int rc = 0;

    pthread_mutex_lock(&h->lock);
    h->memory_bytes += length;
    if (h->released) {
        pthread_mutex_unlock(&h->lock);
        return -EPROTO;
    }
    /* How much of tail and data together is no longer among the last. */
    out = h->length + length > sizeof(h->tail) ?
        h->length + length - sizeof(h->tail) : 0;
    from_tail = out < h->length ? out : h->length;
    rc = fd_write_all(h->fd, h->tail, from_tail);
    if (!rc)
        rc = fd_write_all(h->fd, p, out - from_tail);
    memmove(h->tail, h->tail + from_tail, h->length - from_tail);
    h->length -= from_tail;
    keep = length - (out - from_tail);
    memcpy(h->tail + h->length, p + length - keep, keep);
    h->length += keep;
    pthread_mutex_unlock(&h->lock);
    return rc;
}

uint64_t tail_memory_bytes(struct tail *h)
{
    uint64_t bytes;

    pthread_mutex_lock(&h->lock);
    bytes = h->memory_bytes;
    pthread_mutex_unlock(&h->lock);
    return bytes;
}

int tail_release(struct tail *h)
{
    int rc;

    pthread_mutex_lock(&h->lock);
    h->released = true;
    rc = fd_write_all(h->fd, h->tail, h->length);
    h->length = 0;
    pthread_mutex_unlock(&h->lock);
    return rc;
}

void tail_close(struct tail *h)
{
    if (h->fd >= 0)
        close(h->fd);
    h->fd = -1;
}
