/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the index notes: images and objects, and how they lie in the tables of
 * the store (numbers in keys are big endian, so that they sort):
 *
 *   images     id (4)                 -> struct index_image, check
 *   objects    id (4), number (4)     -> struct index_object, check
 *   hashes     digest (16), size (8)  -> id, number; one or more
 *   paths      name (16)              -> id, number; one or more
 *   versions   name (16)              -> id, number; one or more
 *
 * A name is a hash of the file's path and stream; in "versions", of the path
 * with every run of digits replaced by one '#', if it has any.  A check is
 * SipHash of the table's number, key and value, so that a flipped bit is found.
 *
 * The two structs are for all who use the index; keys and values are for the
 * files of index/ only.
 */
#ifndef PLUGIN_INDEX_INDEX_RECORD_H
#define PLUGIN_INDEX_INDEX_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fsparse/fsparse.h"
#include "plugin/base/buf.h"
#include "plugin/image/stamp.h"
#include "plugin/proto.h"

enum index_state {
    INDEX_ADDING = 1,               /* or abandoned while it was entered */
    INDEX_LISTED = 2,
    INDEX_DROPPING = 3,
};

struct index_image {
    uint32_t id;                    /* never used twice */
    enum index_state state;
    bool named;                     /* paths are known */
    struct stamp stamp;             /* before it was read */
    int64_t time;                   /* seconds since 1970 */
    uint64_t n_objects;             /* numbers up to this one */
    uint64_t n_added;               /* objects */
    uint64_t bytes;                 /* of content, together */
    char *path;                     /* absolute, resolved; owned */
};

/* Frees what it owns, and clears it. */
void index_image_release(struct index_image *i);

struct index_object {
    uint8_t digest[PROTO_SHORT_DIGEST];
    uint64_t size;
    struct fsparse_extent *extents; /* as those of a manifest's object */
    size_t n_extents;
    const uint8_t *inline_data;     /* size bytes if there are no extents */
    const char *path;               /* "" if it is not (part of) a file, or
                                       not known */
    const char *stream;
    bool public;                    /* FSPARSE_PUBLIC */
};

/* For an object from index_get() or index_decode_object(), which has memory of
 * its own: frees it, and clears the object. */
void index_object_release(struct index_object *o);

/* Where an object is noted. */
struct index_place {
    uint32_t id;                    /* of the image */
    uint32_t number;
};

/* Keys. */

#define INDEX_HASH_KEY (PROTO_SHORT_DIGEST + 8)
#define INDEX_NAME_KEY 16

void index_hash_key(uint8_t key[INDEX_HASH_KEY], const uint8_t *digest,
                    uint64_t size);
void index_path_key(uint8_t key[INDEX_NAME_KEY], const char *path,
                    const char *stream);
/* False, and key is not set: the path has no digit. */
bool index_version_key(uint8_t key[INDEX_NAME_KEY], const char *path);
void index_place_put(uint8_t value[8], uint32_t id, uint32_t number);
struct index_place index_place_get(const uint8_t value[8]);

/* Values.  Appended to b, which says at the end whether memory was short. */

void index_encode_image(struct buf *b, const struct index_image *i);
void index_encode_object(struct buf *b, const uint8_t key[8],
                         const struct index_object *o);

/* 0 and what the release function takes, -EUCLEAN if it is not a record that
 * was written for this key, or -ENOMEM. */
int index_decode_image(struct index_image *i, uint32_t id,
                       const void *value, size_t length);
int index_decode_object(struct index_object *o, const uint8_t key[8],
                        const void *value, size_t length);

#endif
