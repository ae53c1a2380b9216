/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entering images into the index and dropping them, by a process that holds
 * index_lock().
 *
 * An image is entered in many transactions under a new id, and is not listed
 * until the last one, which unlists what the path was known by before; the
 * entries of the old one are removed after that.  A crash in between leaves
 * entries of an image that is not listed, which index_clean() removes.
 */
#ifndef PLUGIN_INDEX_INDEX_ADD_H
#define PLUGIN_INDEX_INDEX_ADD_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/content/manifest.h"
#include "plugin/index/index_record.h"
#include "plugin/index/store.h"

#define INDEX_INLINE_MAX 4096u      /* larger ones are left out */

/* The objects of an image. */
struct index_source {
    uint32_t n;
    bool named;
    /* Object number i, borrowing memory until the next call.  False: there
     * is none worth entering.  Says the same each time it is asked. */
    bool (*get)(void *opaque, uint32_t i, struct index_object *o);
    void *opaque;
};

/* The objects of a manifest, borrowed. */
struct index_source index_source_of(const struct manifest *m);

/* Enters an image in place of what its path was known by.  0 or a negative
 * errno, logged. */
int index_add(struct store *s, const char *path, const struct stamp *stamp,
              const struct index_source *source);

/* The same of a manifest; -EFBIG, not logged: it has too many objects. */
int index_add_manifest(struct store *s, const char *path,
                       const struct stamp *stamp, const struct manifest *m);

/*
 * The same in two steps, of which the first takes long, for an image that is
 * not final yet: under an id, which is not listed, and then listed as what is
 * at a path.  -ENOENT, not logged: it has been removed in between.  *id_r: not
 * 0 if there is something under it, also after a failure.
 */
int index_add_unlisted(struct store *s, const char *path,
                       const struct index_source *source, uint32_t *id_r);
int index_list(struct store *s, uint32_t id, const char *path,
               const struct stamp *stamp);

/* Removes an image and its entries.  0 or a negative errno: -ENOENT, if there
 * is none of this id; after any other the image may be unlisted and a part of
 * its entries removed, and index_clean() does the rest. */
int index_drop(struct store *s, uint32_t id);

/* Removes what crashes have left.  0 or a negative errno. */
int index_clean(struct store *s);

#endif
