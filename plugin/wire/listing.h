/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Listings: what a source told of a disk in a session, its objects, and the
 * digests of its segments in the first pass.  After a session that succeeded
 * both hosts keep the listing, under the path that the disk has there.  When
 * the disk moves again, in either direction, they find out by its digest that
 * they have the same one, and the new listing is packed with the old one as
 * zstd's prefix: what has not changed costs next to nothing.
 *
 * A listing is never trusted.  It only helps to unpack frames, and these are
 * checked like others; a damaged one has another digest, and is not used.
 *
 * A listing is for one thread at a time.  NULL is no listing: frames are then
 * sent as they are, and nothing is noted or kept.
 */
#ifndef PLUGIN_WIRE_LISTING_H
#define PLUGIN_WIRE_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/buf.h"
#include "plugin/base/digest.h"
#include "plugin/wire/wire.h"

/* Longer ones (bytes) are not kept: a million files are a third of that. */
#define LISTING_MAX (64u << 20)

struct budget;
struct listing;

/* Begins a new listing for the disk at path (absolute), and reads the one that
 * is kept for it, if there is one.  The budget is borrowed; what it has nothing
 * to spare for is not kept nor read.  For listing_free(); NULL if there is no
 * memory. */
struct listing *listing_open(const char *state_dir, const char *path,
                             struct budget *budget);
void listing_free(struct listing *l);

/* The digest of the one that is kept.  false: there is none. */
bool listing_digest(const struct listing *l, uint8_t digest[HASH_BYTES]);
/* The peer has the same one.  false: it is not to be used, for want of memory
 * for unpacking. */
bool listing_agree(struct listing *l);

/* The source: sends a frame of a type that belongs into listings, packed if
 * that was agreed on.  As wire_send_buf(); one thread at a time. */
int listing_send(struct listing *l, struct wire *w, uint16_t type,
                 uint16_t disk, const struct buf *payload);
/* The first pass has listed all: what comes after this is sent as it is. */
int listing_send_end(struct listing *l, struct wire *w, uint16_t disk);

/* The target: a LISTING frame.  Calls each() for every frame that comes out;
 * its payload is only valid in the call, and may be changed.  -EPROTO: it was
 * not agreed on, or makes no sense; or what each() returns. */
int listing_take(struct listing *l, const struct frame *f,
                 int (*each)(void *opaque, const struct frame *f),
                 void *opaque);
/* The target: a frame of a listing has come, packed or not; then, once, the
 * end of the first pass. */
void listing_note(struct listing *l, const struct frame *f);
void listing_note_end(struct listing *l);

/* Keeps the new listing in place of the old one; if it is not whole, or cannot
 * be written, none is kept.  Nothing depends on it: failure is only logged. */
void listing_keep(const struct listing *l);
/*
 * The same in three steps, of which the second one can be another process's,
 * that has the listing but may not open files: opens a file for it, a
 * descriptor or a negative errno; writes it, whether the caller's is whole and
 * could be written; and gives the file its name or removes both.
 */
int listing_keep_begin(const struct listing *l);
bool listing_write(const struct listing *l, int fd);
void listing_keep_end(const struct listing *l, bool written);

#endif
