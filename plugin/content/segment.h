/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Digests of an image's 1 MiB segments: the end-to-end check that knows
 * nothing of files or matching (docs/protocol.md, "Passes").  They come from
 * reading the image for them, or in passing, out of what is read for another
 * purpose, so that it need not be read once more.
 */
#ifndef PLUGIN_CONTENT_SEGMENT_H
#define PLUGIN_CONTENT_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/digest.h"
#include "plugin/base/threadpool.h"
#include "plugin/image/image.h"
#include "plugin/match/blockindex.h"

struct segment_digest {
    bool known;                     /* for the owner's use */
    bool zero;                      /* all zero; digest is not set */
    uint8_t digest[HASH_BYTES];
};

/* How many segments an image of that size (bytes) has. */
uint64_t segment_count(uint64_t image_size);

/* Length in bytes of a segment: 1 MiB, less for the last one. */
size_t segment_length(uint64_t image_size, uint64_t number);

/* The digest of length bytes of content.  Sets known. */
void segment_digest_of(const void *data, size_t length,
                       struct segment_digest *d);

/* The same for a segment of a disk, whose blocks are noted in the index, unless
 * that is NULL. */
void segment_digest_noted(const void *data, size_t length, uint64_t number,
                          struct segment_digest *d, struct blockindex *index,
                          unsigned disk);

/* Reads and hashes a segment, in this thread; its blocks are noted in the
 * index, unless that is NULL.  0 or a negative errno (logged). */
int segment_hash(const struct image *img, uint64_t number,
                 struct segment_digest *d, struct blockindex *index,
                 unsigned disk);
/* Lets the kernel read a segment ahead. */
void segment_will_need(const struct image *img, uint64_t number);
/* Reads count whole segments from first on at once, in this thread, and hashes
 * them; buf has room for them, aligned to 4096.  Holes are read as well.  0 or
 * a negative errno (logged). */
int segments_hash_at_once(const struct image *img, uint64_t first,
                          size_t count, void *buf, struct segment_digest *out);

/* Whether both are digests of the same content; both are known. */
bool segment_equal(const struct segment_digest *a,
                   const struct segment_digest *b);

/* Takes those of count segments from first on that are nothing but hole in a
 * file for zero.  Entries whose known is already set are left alone. */
void segments_note_holes(const struct image *img, uint64_t first,
                         size_t count, struct segment_digest *out);

/*
 * Reads and hashes count segments from first on, on all threads of the pool,
 * into out[0 .. count).  Entries whose known is already set are left alone.
 * Holes of a file are not read.  0 or a negative errno (logged).
 */
int segments_hash(const struct image *img, struct threadpool *pool,
                  uint64_t first, size_t count, struct segment_digest *out);

/* The same for a disk whose blocks are noted in an index as they are read. */
int segments_hash_noted(const struct image *img, struct threadpool *pool,
                        uint64_t first, size_t count,
                        struct segment_digest *out,
                        struct blockindex *index, unsigned disk);

/* Digest of all segments' digests, for records (32 zero bytes for a zero
 * segment). */
void segments_root(const struct segment_digest *d, uint64_t count,
                   uint8_t root[HASH_BYTES]);
/* The same for a disk whose digests come by and by: adds the next ones. */
void segments_root_add(struct digest *state, const struct segment_digest *d,
                       uint64_t count);

/* In passing */

/* Where the digests of a disk go.  Several threads may use it at once, but not
 * for the same segment. */
struct segment_sink {
    uint64_t image_size;            /* bytes */
    struct segment_digest *digests; /* of all segments */
    struct blockindex *index;       /* notes the blocks; or NULL */
    unsigned disk;                  /* the disk's number in the index */
};

/* Takes a segment that was read as a whole: its content, segment_length()
 * bytes. */
void segment_sink_put(const struct segment_sink *k, uint64_t number,
                      const void *data);

/* A run of the image that is read in pieces, in order, by one thread: those
 * segments that lie in it as a whole have their digests then. */
struct segment_run {
    const struct segment_sink *sink;
    uint64_t next, end;             /* bytes of the image that are to come */
    struct content_digest state;    /* the segment that next is in, so far */
};

/* [start, end) of the image will come.  k may be NULL: nothing is done. */
void segment_run_begin(struct segment_run *r, const struct segment_sink *k,
                       uint64_t start, uint64_t end);

/* The next bytes, which lie at offset; what is before start is passed over. */
void segment_run_put(struct segment_run *r, const void *data, size_t length,
                     uint64_t offset);

#endif
