/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Manifest: what an image holds, by content.
 *
 * The image is cut by fsparse and every piece that is not all zero becomes an
 * object with the BLAKE2b-256 hash (libsodium crypto_generichash, no key) of
 * its content:
 *  - a file object is one stream of one file: exactly `size` bytes, its
 *    extents' bytes and zeros between them (fsparse.h);
 *  - a raw object is a piece of a residual region: one extent, cut at 1 MiB
 *    boundaries of the image and at runs of zeros, at most 1 MiB long.
 * Extents of all objects together are disjoint; what they do not cover was
 * all zero when it was read.
 *
 * The hashes tell what was read at one moment.  Of a live image, or of one
 * that has changed since, they are a hint like everything else here: whoever
 * copies an object hashes it again.
 */
#ifndef PLUGIN_MANIFEST_H
#define PLUGIN_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fsparse/fsparse.h"
#include "plugin/image.h"

#define HASH_BYTES 32               /* BLAKE2b-256 */
#define RAW_OBJECT_MAX (1u << 20)   /* bytes; raw objects end at multiples */
#define ZERO_GRAIN 4096u            /* bytes; zeros are looked for in these,
                                       aligned to the image */
#define OBJECT_RAW UINT32_MAX       /* object.file of a raw object */

struct object {
    uint64_t size;                  /* bytes of content */
    uint32_t file;                  /* index into map->files, or OBJECT_RAW */
    bool zero;                      /* content is all zero: nothing to move */
    uint8_t hash[HASH_BYTES];
    struct fsparse_extent raw;      /* a raw object's only extent */
};

struct manifest {
    const struct image *image;      /* borrowed */
    struct fsparse_map *map;        /* owned */
    struct object *objects;         /* files in the order of map->files (every
                                       file has one, inline ones too), then
                                       raw objects by ascending offset */
    size_t n_objects;
    size_t n_files;                 /* == map->n_files */
};

/* The extents of an object, ascending by logical.  Empty for inline files. */
const struct fsparse_extent *object_extents(const struct manifest *m,
                                            const struct object *o,
                                            size_t *n_r);

/* Called from time to time, from one thread at a time: done bytes of total
 * have been read.  Must be quick. */
typedef void manifest_progress(void *opaque, uint64_t done, uint64_t total);

struct manifest_options {
    bool files_only;                /* leave residual regions out */
    unsigned threads;               /* hashing; 0: one per core */
    manifest_progress *progress;    /* or NULL */
    void *opaque;
};

/* Reads the whole image (holes excepted) once and builds its manifest.
 * Memory grows with the number of files, not with the size of the image.
 * Returns 0 and a manifest for manifest_free(), or a negative errno, logged.
 * A read error in one object is an error of the whole. */
int manifest_build(const struct image *img,
                   const struct manifest_options *opt,
                   struct manifest **m_r);

void manifest_free(struct manifest *m);

/*
 * Reads an object's content from its image in order and hands it to sink in
 * pieces of at most 1 MiB (zeros of gaps included).  Stops at the first
 * non-zero return of sink and returns that.
 */
typedef int object_sink(void *opaque, const void *data, size_t length,
                        uint64_t logical);
int object_read(const struct manifest *m, const struct object *o,
                object_sink *sink, void *opaque);

/* Name for messages and lists: "p1:/usr/bin/env", "p2:/a.txt:stream",
 * "raw:4096+1048576".  Writes at most size bytes with the NUL; not-printable
 * bytes are escaped as \xHH.  Returns buf. */
char *object_name(const struct manifest *m, const struct object *o,
                  char *buf, size_t size);

#endif
