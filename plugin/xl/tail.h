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

struct hold {
    pthread_mutex_t lock;
    int fd;                     /* xl's standard input */
    uint64_t memory_bytes;      /* taken so far */
    bool released;
    size_t length;
    uint8_t tail[PROTO_HOLD_BYTES];
};

void hold_init(struct hold *h, int fd);

/* Bytes of xl's handshake: written at once. */
int hold_pass(struct hold *h, const void *data, size_t length);

/* Bytes of the memory stream: written but for the last PROTO_HOLD_BYTES.
 * -EPROTO after the release. */
int hold_memory(struct hold *h, const void *data, size_t length);

/* Bytes of the memory stream taken so far. */
uint64_t hold_memory_bytes(struct hold *h);

int hold_release(struct hold *h);

/* Closes the descriptor; what is held is dropped. */
void hold_close(struct hold *h);

#endif
