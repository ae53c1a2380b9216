/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Index: what the images of this host hold, by content and by path, so that
 * a receiver need not scan them.  These functions read it; it is opened by
 * index_open.h, changed by index_add.h, and what is in it says index_record.h.
 *
 * Everything here is as old as the image's stamp says, and a hint: extents are
 * checked against the image when it is opened, content when it is copied.
 *
 * t: of store_read().  Negative errnos: -EUCLEAN for damage, -ENOMEM, -ENOENT,
 * and what LMDB says.
 */
#ifndef PLUGIN_INDEX_INDEX_H
#define PLUGIN_INDEX_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/index/index_record.h"
#include "plugin/index/store.h"

/* Calls each() for every listed image (with all: for those not listed, too)
 * until it returns non-zero, and returns that.  The image is only valid in the
 * call. */
int index_images(struct store *s, MDB_txn *t, bool all,
                 int (*each)(void *opaque, const struct index_image *i),
                 void *opaque);

/* Finds the listed image of this path.  0 and what index_image_release() takes,
 * or -ENOENT. */
int index_find_image(struct store *s, MDB_txn *t, const char *path,
                     struct index_image *i_r);

/* Which images places are wanted of.  wants() runs in the transaction. */
struct index_filter {
    bool (*wants)(void *opaque, uint32_t id);
    void *opaque;
};

/* Each fills at most max places, and returns how many it filled, or a negative
 * errno.  No image fills more than a few of them, and those that are not wanted
 * none (filter may be NULL: all are): whatever is entered of one image, it
 * hides no other.  Images need not be listed. */
int index_by_hash(struct store *s, MDB_txn *t, const uint8_t *short_digest,
                  uint64_t size, const struct index_filter *filter,
                  struct index_place *places, int max);
int index_by_path(struct store *s, MDB_txn *t, const char *path,
                  const char *stream, const struct index_filter *filter,
                  struct index_place *places, int max);
/* Paths that differ from this one in numbers only, itself included. */
int index_by_version(struct store *s, MDB_txn *t, const char *path,
                     const struct index_filter *filter,
                     struct index_place *places, int max);

/* Reads an object.  0 and memory of its own, for index_object_release(), or
 * -ENOENT. */
int index_get(struct store *s, MDB_txn *t, struct index_place place,
              struct index_object *o_r);

#endif
