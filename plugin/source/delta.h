/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sending the blocks that were written, the source's part (docs/protocol.md,
 * "DELTA").
 *
 * What is read here is sent and covered by the digest as it was read; a write
 * that comes meanwhile is the next round's, because the tracker was asked
 * before.
 */
#ifndef PLUGIN_SOURCE_DELTA_H
#define PLUGIN_SOURCE_DELTA_H

#include <stdint.h>

#include "plugin/source/disk.h"
#include "plugin/source/session.h"

/* Sends what is dirty in d->dirty, and has it verified.  The target must have
 * verified all before.  *left_r: segments that it has not verified now.  0;
 * -EAGAIN: not all was sent, because something did not arrive well; or what
 * pass.h and witness.h say. */
int delta_send(const struct session *s, struct source_disk *d,
               uint64_t *left_r);

#endif
