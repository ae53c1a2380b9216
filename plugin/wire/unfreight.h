/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The receiving half of freight (freight.h): pieces of the compressed stream
 * go in, frames come out.
 *
 * The peer is not trusted: the window of its compressor and the length of a
 * frame are bounded before anything is allocated, and freight does not hold
 * freight.  A piece may end anywhere in a frame.
 *
 * Not safe for several threads.
 */
#ifndef PLUGIN_WIRE_UNFREIGHT_H
#define PLUGIN_WIRE_UNFREIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/wire/frame.h"

struct unfreight;

/* *u_r is for unfreight_free().  -ENOMEM. */
int unfreight_new(struct unfreight **u_r);
void unfreight_free(struct unfreight *u);

/* The payload of the next FREIGHT frame, length bytes from malloc(), which it
 * takes over.  Only after unfreight_take() has found nothing more in the one
 * before. */
void unfreight_give(struct unfreight *u, uint8_t *data, size_t length);

/*
 * Takes the next whole frame out of what was given.  *taken_r: f is filled,
 * for frame_release(); otherwise the next piece is due.  -EPROTO (logged): the
 * stream is damaged, or holds what is no frame; -ENOMEM.
 */
int unfreight_take(struct unfreight *u, struct frame *f, bool *taken_r);

#endif
