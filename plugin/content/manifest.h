/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Manifest: what an image holds, by content.
 *
 * The image is cut by fsparse and every piece that is not all zero becomes an
 * object with the digest (digest.h) of its content:
 *  - a file object is one stream of one file: exactly `size` bytes, its
 *    extents' bytes and zeros between them (fsparse.h);
 *  - a raw object is a piece of a residual region: one extent, cut at 1 MiB
 *    boundaries of the image and at runs of zeros, at most 1 MiB long.
 * Extents of all objects together are disjoint; what they do not cover was
 * all zero when it was read (or is residual, with files_only).
 *
 * A guest chooses the sizes of its files, so gaps are bounded: a file that is
 * nothing but gap is a zero object of any size and costs nothing; one that has
 * too many of them (gaps_are_few()), or whose gaps do not fit into
 * GAP_TOTAL_MAX when those of all files with smaller ones are in it, is not
 * hashed as a file (it would take hours).  Neither is one whose extents
 * contradict its size.  Such an object is `unusable`: it has no content, and
 * what its extents hold is cut into raw objects.
 *
 * The hashes tell what was read at one moment.  If the image is live, or has
 * changed since, they are a hint like everything else here: whoever copies an
 * object hashes it again.
 */
#ifndef PLUGIN_CONTENT_MANIFEST_H
#define PLUGIN_CONTENT_MANIFEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fsparse/fsparse.h"
#include "plugin/base/digest.h"
#include "plugin/image/image.h"

#define RAW_OBJECT_MAX (1u << 20)   /* bytes; raw objects end at multiples */
#define ZERO_GRAIN 4096u            /* bytes; zeros are looked for in these,
                                       aligned to the image */
#define ZERO_RUN 65536u             /* bytes of zeros that part raw objects */
#define GAP_FILE_MAX (UINT64_C(16) << 30)   /* bytes of gaps in a file that
                                               are few in any case */
#define GAP_TOTAL_MAX (UINT64_C(64) << 30)  /* in all files of an image */
#define OBJECT_RAW UINT32_MAX       /* object.file of a raw object */

/* Whether a file's gaps may be hashed, if all of them are not too many: it has
 * as many bytes besides that are read in any case, as when it lies on holes of
 * a large image in part, or they are few as such. */
static inline bool gaps_are_few(uint64_t size, uint64_t held,
                                uint64_t image_size)
{
    return size - held <= GAP_FILE_MAX ||
        (size - held <= held && size <= image_size);
}

struct object {
    uint64_t size;                  /* bytes of content */
    uint32_t file;                  /* index into map->files, or OBJECT_RAW */
    bool zero;                      /* content is all zero (or empty): nothing
                                       to move, and hash is not set */
    bool unusable;                  /* see above; size is 0, zero is set */
    bool packed;                    /* its beginning looks as if it did not
                                       compress: a guess */
    uint8_t hash[HASH_BYTES];
    struct fsparse_extent raw;      /* a raw object's only extent */
};

#define RAW_CHUNK 64

/* Raw objects stay where they were made, in chunks of a list. */
struct raw_chunk {
    struct raw_chunk *next;
    size_t n;
    struct object objects[RAW_CHUNK];
};

struct segment_sink;

struct manifest {
    const struct image *image;      /* borrowed */
    struct fsparse_map *map;        /* owned */
    struct object *files;           /* in the order of map->files; every file
                                       has one, inline ones too */
    size_t n_files;                 /* == map->n_files */
    struct object **raw;            /* raw objects by ascending offset */
    size_t n_raw;
    struct raw_chunk *chunks;       /* where raw objects live */
};

static inline size_t manifest_count(const struct manifest *m)
{
    return m->n_files + m->n_raw;
}

/* Whether a file's object has all of the file's content: not if a part of that
 * could not be found or is another file's (FSPARSE_CUT).  The object is good
 * for what is moved, its digest and `zero` tell nothing of the file. */
static inline bool object_is_whole(const struct manifest *m,
                                   const struct object *o)
{
    return !o->unusable && !(m->map->files[o->file].flags & FSPARSE_CUT);
}

/* The i-th of all objects: files first. */
static inline const struct object *manifest_object(const struct manifest *m,
                                                   size_t i)
{
    return i < m->n_files ? &m->files[i] : m->raw[i - m->n_files];
}

/* The extents of an object, ascending by logical.  None for inline and for
 * unusable files. */
const struct fsparse_extent *object_extents(const struct manifest *m,
                                            const struct object *o,
                                            size_t *n_r);
/* Bytes of the image that these take. */
uint64_t object_mapped(const struct manifest *m, const struct object *o);

/* Called from time to time, from one thread at a time: done bytes of total
 * have been read.  Must be quick. */
typedef void manifest_progress(void *opaque, uint64_t done, uint64_t total);

/*
 * Called, from one thread at a time, with objects that are done: those that
 * have extents and are not all zero.  They stay where they are as long as the
 * manifest.  They come by place (of a file: that of its first byte by place),
 * in the same order each time, but for what is overtaken because it takes
 * long, and for recent_first.  Hashing waits for the call.  A negative return
 * ends it all.
 */
typedef int manifest_found(void *opaque, const struct object *const *objects,
                           size_t n);

struct manifest_options {
    bool files_only;                /* leave residual regions out */
    bool recent_first;              /* begin with some files that changed last
                                       (recent_files.h) */
    unsigned threads;               /* hashing; 0: one per core,
                                       two if read with O_DIRECT */
    manifest_progress *progress;    /* or NULL */
    manifest_found *found;          /* or NULL */
    void *opaque;                   /* of these two */
    const struct segment_sink *segments;    /* or NULL: takes digests of those
                                       segments that are read as a whole
                                       (segment.h) */
    const atomic_bool *stop;        /* or NULL: when set, the work ends with
                                       -ECANCELED before long */
};

/* Examines an image, unless that was done: map, which is taken over in any
 * case, or NULL.  The manifest then has its map and files, whose content is not
 * known yet.  0: it is for manifest_hash(), once, and manifest_free(); or a
 * negative errno, logged. */
int manifest_parse(const struct image *img, struct fsparse_map *map,
                   struct manifest **m_r);

void manifest_free(struct manifest *m);

/*
 * Reads an object's content from its image in order and hands it to sink in
 * pieces of at most 256 KiB (zeros of gaps included).  Stops at the first
 * non-zero return of sink and returns that.  Not for zero objects: they may
 * be of any size, and the caller knows their content.
 */
typedef int object_sink(void *opaque, const void *data, size_t length,
                        uint64_t logical);
int object_read(const struct manifest *m, const struct object *o,
                object_sink *sink, void *opaque);

/* The same for size bytes that lie in n extents of an image: ascending, inside
 * the image and the size. */
int content_read(const struct image *img, const struct fsparse_extent *e,
                 size_t n, uint64_t size, object_sink *sink, void *opaque);

/* Name for messages and lists: "p1:/usr/bin/env", "p2:/a.txt:stream",
 * "raw:4096+1048576".  Writes at most size bytes with the NUL, escaped as
 * text_escape() does it.  Returns buf. */
char *object_name(const struct manifest *m, const struct object *o,
                  char *buf, size_t size);

#endif
