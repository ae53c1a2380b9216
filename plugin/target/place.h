/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects go to their places: the bulk copy's writing, and its hashing of what
 * is written.
 *
 * Any thread, if no two of them work on the same object; objects may share
 * segments.  Every write is noted in target_disk.touched before it begins and
 * after it has ended, as readback.h needs it.
 */
#ifndef PLUGIN_TARGET_PLACE_H
#define PLUGIN_TARGET_PLACE_H

#include <stdbool.h>

#include "plugin/target/objects.h"

/* Before anything is written; does nothing when called again.  0 or -ENOMEM. */
int place_begin(struct target_disk *d);
void place_release(struct target_disk *d);

/* Notes that bytes of the destination are no longer what was hashed; the same
 * of a whole object. */
void place_touch(struct target_disk *d, uint64_t offset, uint64_t length);
void place_touch_object(const struct batch *b, const struct wire_object *o);

/* Writes what arrived, offset: in the disk.  Returns what destination_fill()
 * does. */
int place_write(struct target_disk *d, const void *data, size_t length,
                uint64_t offset);

/* An object's content on its way to its place, in order. */
struct copy {
    struct target_disk *disk;
    const struct wire_object *object;
    const struct fsparse_extent *extents;
    uint32_t next;              /* first extent that may still be touched */
    struct digest state;
};
void place_copy_begin(struct copy *c, const struct batch *b,
                      const struct wire_object *o);
/* Takes the content from `logical` on: hashes it and writes what extents cover.
 * An object_sink of a struct copy. */
int place_copy(void *copy, const void *data, size_t length, uint64_t logical);
/* The same of content that is hashed by somebody else. */
int place_put(struct copy *c, const void *data, size_t length,
              uint64_t logical);
/* At the end: whether the content had that digest. */
bool place_copy_is(struct copy *c, const uint8_t digest[PROTO_SHORT_DIGEST]);

/* Takes back what was written of an object that turned out to be something
 * else: the destination reads zero there.  What this host holds must not stay
 * where the source is told hashes of it.  If it cannot be zeroed the staging
 * file will not be kept (destination_spoil()).  0, or what zeroing gave. */
int place_clear_object(const struct batch *b, const struct wire_object *o);

/* Whether the destination itself may hold something useful already. */
bool place_has_content(const struct destination *dest);

struct place {
    bool same;                  /* all of it lies in segments that are right */
    bool empty;                 /* nothing is there yet */
};
/* What is where the object belongs, as the comparison before the manifest found
 * it: those digests stand still while objects are looked for.  Only if the
 * destination has content. */
struct place place_look(const struct batch *b, const struct wire_object *o);
/* Whether nothing is there yet, whatever the destination. */
bool place_is_empty(const struct batch *b, const struct wire_object *o);

#endif
