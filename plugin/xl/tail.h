/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hands bytes to xl, but holds back the last ones of the memory stream until
 * they are released: libxl must not see its end before all disks are final
 * (design rule 6).  Used by two threads: one writes, one releases.
 */
#ifndef PLUGIN_XL_TAIL_H
#define PLUGIN_XL_TAIL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/proto.h"

struct tail {
    pthread_mutex_t lock;
    int fd;                     /* xl's standard input */
    uint64_t memory_bytes;      /* taken so far */
    bool released;
    size_t length;
    uint8_t tail[PROTO_HOLD_BYTES];
};

void tail_init(struct tail *h, int fd);

/* Bytes of xl's handshake: written at once. */
int tail_pass(struct tail *h, const void *data, size_t length);

/* Bytes of the memory stream: written but for the last PROTO_HOLD_BYTES.
 * -EPROTO after the release. */
int tail_memory(struct tail *h, const void *data, size_t length);

/* Bytes of the memory stream taken so far. */
uint64_t tail_memory_bytes(struct tail *h);

int tail_release(struct tail *h);

/* Closes the descriptor; what is held is dropped. */
void tail_close(struct tail *h);

#endif
