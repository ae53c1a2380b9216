/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Index: what the images of this host hold, by content and by path, so that
 * a receiver need not scan them.
 *
 * Tables of the store (numbers in keys are big endian, so that they sort):
 *   images     id (4)                 -> struct index_image, check
 *   objects    id (4), number (4)     -> struct index_object, check
 *   hashes     digest (16), size (8)  -> id, number; one or more
 *   paths      name (16)              -> id, number; one or more
 *   versions   name (16)              -> id, number; one or more
 * A name is a hash of the file's path and stream; in "versions", of the path
 * with every run of digits replaced by one '#', if it has any.  A check is
 * SipHash of the table's number, key and value, so that a flipped bit is found.
 *
 * An image is entered in many transactions under a new id, is not listed until
 * the last one, which unlists what the path was known by before, and the old
 * one's entries are removed after that.  A crash in between leaves entries
 * of an image that is not listed; index_clean() removes them.  Images are
 * entered and dropped only by who holds index_lock().
 *
 * Everything here is as old as the image's stamp says, and a hint: extents are
 * checked against the image when it is opened, content when it is copied.
 */
#ifndef PLUGIN_INDEX_INDEX_H
#define PLUGIN_INDEX_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/content/manifest.h"
#include "plugin/image/stamp.h"
#include "plugin/index/store.h"
#include "plugin/proto.h"

enum index_state {
    INDEX_ADDING = 1,             /* or abandoned while it was entered */
    INDEX_LISTED = 2,
    INDEX_DROPPING = 3,
};

struct index_image {
    uint32_t id;                    /* never used twice */
    enum index_state state;
    bool named;                     /* paths are known */
    struct stamp stamp;              /* before it was read */
    int64_t time;                   /* seconds since 1970 */
    uint64_t n_objects;             /* numbers up to this one */
    uint64_t n_added;             /* objects */
    uint64_t bytes;                 /* of content, together */
    char *path;                     /* absolute, resolved; owned */
};

struct index_object {
    uint8_t digest[PROTO_SHORT_DIGEST];
    uint64_t size;
    struct fsparse_extent *extents; /* as those of a manifest's object */
    size_t n_extents;
    const uint8_t *inline_data;     /* size bytes if there are no extents */
    const char *path;               /* "" if it is not (part of) a file, or
                                       not known */
    const char *stream;
};

#define INDEX_INLINE_MAX 4096u      /* larger ones are left out */

/* The directory of the index below a state directory, for free(). */
char *index_directory(const char *state_dir);

/* Makes the state directory that it is in. */
int index_prepare(const char *directory);

/* Waits until nobody else changes the index.  Returns a descriptor that holds
 * the lock until it is closed, or a negative errno; -EWOULDBLOCK only if not
 * told to wait. */
int index_lock(const char *directory, bool wait);

/* Reading.  t: of store_read(). */

/* Calls each() for every listed image (all of them with all) until it returns
 * non-zero, and returns that.  The image is only valid in the call. */
int index_images(struct store *s, MDB_txn *t, bool all,
                 int (*each)(void *opaque, const struct index_image *i),
                 void *opaque);

/* The listed image of this path.  0 and what index_image_release() takes, or
 * -ENOENT. */
int index_find_image(struct store *s, MDB_txn *t, const char *path,
                     struct index_image *i_r);
void index_image_release(struct index_image *i);

struct index_place {
    uint32_t id;
    uint32_t number;
};

/* Fills at most max places; returns how many there were, or a negative errno.
 * Images need not be listed. */
int index_by_hash(struct store *s, MDB_txn *t, const uint8_t *short_digest,
                  uint64_t size, struct index_place *places, int max);
int index_by_path(struct store *s, MDB_txn *t, const char *path,
                  const char *stream, struct index_place *places, int max);
/* Paths that differ from this one in numbers only, itself included. */
int index_by_version(struct store *s, MDB_txn *t, const char *path,
                     struct index_place *places, int max);

/* Memory of its own, for index_object_release(). */
int index_get(struct store *s, MDB_txn *t, struct index_place place,
              struct index_object *o_r);
void index_object_release(struct index_object *o);

/* Entering, under index_lock(). */

struct index_source {
    uint32_t n;
    bool named;
    /* Object number i, borrowing memory until the next call.  false: there
     * is none worth entering.  Says the same each time it is asked. */
    bool (*get)(void *opaque, uint32_t i, struct index_object *o);
    void *opaque;
};

/* Enters an image in place of what its path was known by.  Logs failure. */
int index_add(struct store *s, const char *path, const struct stamp *stamp,
              const struct index_source *source);
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

/* What an image at a path is called in the index, for free(). */
char *index_resolve(const char *path, const struct stamp *stamp);

/* The objects of a manifest, borrowed. */
struct index_source index_source_of(const struct manifest *m);

/* Enters one image into the index of a state directory, with all that it
 * takes; by who does not have the store open.  If somebody else changes the
 * index just now, nothing is done.  Logs failure. */
void index_add_image(const char *state_dir, const char *path,
                 const struct stamp *stamp, const struct index_source *source);

int index_drop(struct store *s, uint32_t id);
/* Removes what crashes have left. */
int index_clean(struct store *s);

/* Health. */

struct index_report {
    uint64_t images, objects, entries;  /* entries: of the other tables */
    uint64_t lost;                  /* entries of what is not there */
    uint64_t missing;               /* objects that no entry leads to */
    uint64_t abandoned;             /* images that are not listed */
};

/* Visits every record and checks it: 0, or -EUCLEAN.  r: NULL, or also look
 * up from each record what it speaks of, and count what is not right. */
int index_walk(struct store *s, MDB_txn *t, struct index_report *r);

/* Records, for index_*.c only. */
#define INDEX_HASH_KEY (PROTO_SHORT_DIGEST + 8)
#define INDEX_NAME_KEY 16

void index_hash_key(uint8_t key[INDEX_HASH_KEY], const uint8_t *digest,
                    uint64_t size);
void index_path_key(uint8_t key[INDEX_NAME_KEY], const char *path,
                    const char *stream);
/* false: no digit in it. */
bool index_version_key(uint8_t key[INDEX_NAME_KEY], const char *path);
void index_place_put(uint8_t value[8], uint32_t id, uint32_t number);
struct index_place index_place_get(const uint8_t value[8]);

struct buf;
void index_encode_image(struct buf *b, const struct index_image *i);
void index_encode_object(struct buf *b, const uint8_t key[8],
                         const struct index_object *o);
/* -EUCLEAN if it is not a record that was written for this key. */
int index_decode_image(struct index_image *i, uint32_t id,
                       const void *value, size_t length);
int index_decode_object(struct index_object *o, const uint8_t key[8],
                        const void *value, size_t length);

#endif
