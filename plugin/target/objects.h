/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The objects of a disk, as the source describes them in MANIFEST frames.
 *
 * Every number, size and place is bounded when a frame is taken: whoever uses
 * an object afterwards relies on extents that lie within the disk and, in
 * ascending order, within the object.
 *
 * Engine thread only, but a batch neither moves nor changes while threads use
 * it (other than by the members that say so).
 */
#ifndef PLUGIN_TARGET_OBJECTS_H
#define PLUGIN_TARGET_OBJECTS_H

#include "plugin/target/disk.h"

struct recipe;

struct wire_object {
    uint8_t digest[PROTO_SHORT_DIGEST];
    enum proto_kind kind;
    atomic_bool settled;            /* readback.c: nothing more of it is
                                       expected */
    uint64_t size;
    uint32_t first_extent;          /* in the batch's extents */
    uint32_t n_extents;
    struct recipe *recipe;          /* recipe.c, engine thread only */
};

/* The objects of one MANIFEST frame. */
struct batch {
    struct target_disk *disk;
    uint64_t first;                 /* number of the first object */
    uint32_t count;
    uint64_t taken;                 /* bytes of the budget, objects.c */
    struct wire_object *objects;
    struct fsparse_extent *extents;
};

/* Takes a MANIFEST.  *b_r: its batch, which the disk owns.  -EPROTO if the
 * source breaks the protocol, -ENOMEM, -ENOBUFS. */
int objects_take(struct target_disk *d, const struct frame *f,
                 struct batch **b_r);

/* The numbers of objects and extents that were taken. */
uint64_t objects_count(const struct target_disk *d);
uint64_t objects_extents_count(const struct target_disk *d);

/* The object of that number and its batch, or NULL. */
struct wire_object *objects_find(const struct target_disk *d, uint64_t number,
                                 const struct batch **b_r);

/* The number of an object. */
static inline uint64_t object_number(const struct batch *b,
                                     const struct wire_object *o)
{
    return b->first + (uint64_t)(o - b->objects);
}

/* A copy of all extents, by their places in the disk, for free().  NULL: out of
 * memory. */
struct fsparse_extent *objects_extents(const struct target_disk *d,
                                       uint64_t *n_r);

void objects_release(struct target_disk *d);

#endif
