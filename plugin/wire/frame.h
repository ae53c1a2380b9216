/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A frame that has come, alone (wire.h) or as freight (unfreight.h). */
#ifndef PLUGIN_WIRE_FRAME_H
#define PLUGIN_WIRE_FRAME_H

#include <stdint.h>

struct frame {
    uint16_t type;          /* enum proto_type */
    uint16_t disk;          /* or PROTO_NO_DISK */
    uint32_t length;
    uint8_t *data;          /* owned, for frame_release() */
};

/* Frees the data; f is empty then, and may be released again. */
void frame_release(struct frame *f);

#endif
