/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tail of the memory stream: bytes are handed to xl, but the last ones are
 * held back until they are released, since libxl must not see the end before
 * all disks are final (design rule 6).  Used by two threads: one writes, one
 * releases.
 */
#ifndef PLUGIN_XL_TAIL_H
#define PLUGIN_XL_TAIL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/proto.h"

struct tail {
    pthread_mutex_t lock;       /* covers what follows, but for fd */
    int fd;                     /* xl's standard input */
    uint64_t memory_bytes;      /* taken so far */
    bool released;
    size_t length;              /* of what is held */
    uint8_t bytes[PROTO_HOLD_BYTES];
};

/* Takes over fd, a blocking descriptor, until tail_close(). */
void tail_init(struct tail *t, int fd);

/* Writes bytes of xl's handshake at once.  0 or a negative errno. */
int tail_pass(struct tail *t, const void *data, size_t length);

/* Writes bytes of the memory stream, but for the last PROTO_HOLD_BYTES.  0 or a
 * negative errno: -EPROTO after the release. */
int tail_memory(struct tail *t, const void *data, size_t length);

/* The number of bytes of the memory stream taken so far. */
uint64_t tail_memory_bytes(struct tail *t);

/* Writes what is held: libxl sees the end of the stream.  0 or a negative
 * errno. */
int tail_release(struct tail *t);

/* Closes the descriptor; what is held is dropped. */
void tail_close(struct tail *t);

#endif
