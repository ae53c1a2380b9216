/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Manifests; see manifest.h.  This file gets the map, decides which files can
 * be hashed as files, and reads objects; manifest_hash.c reads and hashes.
 *
 * The map is trusted for what fsparse.h promises of regions (fsparse checks
 * them in this process).  Sizes and extents are looked at again here, because
 * the time that hashing takes depends on them.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/escape.h"
#include "plugin/base/log.h"
#include "plugin/content/manifest.h"

#define PIECE (256u << 10)     /* stays in the cache of a processor */

static const uint8_t zero_piece[PIECE];

/* Whether the extents ascend inside the file's size and inside the image.
 * *held_r: their bytes together. */
static bool extents_are_sane(const struct fsparse_map *map,
                             const struct fsparse_file *f, uint64_t *held_r)
{
    const struct fsparse_extent *e = f->extents;
    uint64_t pos = 0;

    *held_r = 0;
    for (; e < f->extents + f->n_extents; e++) {
        if (!e->length || e->logical < pos || e->logical > f->size ||
            e->length > f->size - e->logical ||
            e->physical > map->image_size ||
            e->length > map->image_size - e->physical)
            return false;
        pos = e->logical + e->length;
        *held_r += e->length;
    }
    return true;
}

struct gap {
    uint64_t bytes;
    struct object *object;
};

/* Equal gaps are in the order of the map. */
static int by_bytes(const void *a, const void *b)
{
    const struct gap *x = a, *y = b;

    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    return x->object < y->object ? -1 : x->object > y->object;
}

static void make_unusable(struct object *o)
{
    o->unusable = true;
    o->size = 0;
    o->zero = true;
}

/* Decides what object o, of file number i, is, but for what all gaps together
 * may have.  Returns the bytes of gaps that are to be hashed for it. */
static uint64_t prepare_file(const struct fsparse_map *map, size_t i,
                             struct object *o)
{
    const struct fsparse_file *f = &map->files[i];
    uint64_t held = 0;

    *o = (struct object){ .size = f->size, .file = i };
    if (f->flags & FSPARSE_INLINE) {
        o->zero = !f->size || !f->inline_data;
        o->unusable = f->n_extents || (f->size && !f->inline_data);
    } else if (!extents_are_sane(map, f, &held)) {
        o->unusable = true;
    } else if (!held) {
        o->zero = true;
    } else if (!gaps_are_few(f->size, held, map->image_size)) {
        o->unusable = true;
    }
    if (o->unusable)
        make_unusable(o);
    return o->zero || f->flags & FSPARSE_INLINE ? 0 : f->size - held;
}

/* The smallest gaps are hashed as long as there is time for them. */
static void limit_gaps(struct gap *gaps, size_t n)
{
    uint64_t left = GAP_TOTAL_MAX;
    size_t i;

    qsort(gaps, n, sizeof(*gaps), by_bytes);
    for (i = 0; i < n && gaps[i].bytes <= left; i++)
        left -= gaps[i].bytes;
    for (; i < n; i++)
        make_unusable(gaps[i].object);
}

static int prepare_files(struct manifest *m)
{
    size_t i, n_gaps = 0, unusable = 0;
    struct gap *gaps = NULL;
    uint64_t bytes;

    m->n_files = m->map->n_files;
    if (m->n_files < OBJECT_RAW) {
        m->files = reallocarray(NULL, m->n_files + 1, sizeof(*m->files));
        gaps = reallocarray(NULL, m->n_files + 1, sizeof(*gaps));
    }
    if (!m->files || !gaps) {
        log_error("%s: no memory for a list of %zu files", m->image->path,
                  m->n_files);
        free(gaps);
        return -ENOMEM;
    }
    for (i = 0; i < m->n_files; i++) {
        bytes = prepare_file(m->map, i, &m->files[i]);
        if (bytes > 0)
            gaps[n_gaps++] = (struct gap){ bytes, &m->files[i] };
    }
    limit_gaps(gaps, n_gaps);
    free(gaps);
    for (i = 0; i < m->n_files; i++)
        unusable += m->files[i].unusable;
    if (unusable)
        log_info("%s: %zu files have gaps too large or extents that cannot "
                 "be: their data goes as unknown blocks", m->image->path,
                 unusable);
    return 0;
}

/* What the reader of a result should know of the parsing. */
static void log_notes(const struct manifest *m)
{
    const struct fsparse_map *map = m->map;
    char note[256];
    size_t i;

    if (map->note && *map->note)
        log_warn("%s: parsing failed (%s): what was not parsed goes as "
                 "unknown blocks, less is saved", m->image->path,
                 text_escape(map->note, note, sizeof(note)));
    for (i = 0; i < map->n_partitions; i++)
        if (*map->partitions[i].note && *map->partitions[i].fstype)
            log_info("%s: partition %u: %s", m->image->path,
                     map->partitions[i].number,
                     text_escape(map->partitions[i].note, note,
                                 sizeof(note)));
}

int manifest_parse(const struct image *img, struct fsparse_map *map,
                   struct manifest **m_r)
{
    struct manifest *m;
    int rc = 0;

    *m_r = NULL;
    m = calloc(1, sizeof(*m));
    if (!m) {
        fsparse_map_free(map);
        return -ENOMEM;
    }
    m->image = img;
    m->map = map;
    if (!map)
        rc = fsparse_map_image(img->fd, img->size, &m->map);
    if (rc) {
        log_errno(rc, "%s: cannot examine the image", img->path);
        goto out;
    }
    log_notes(m);
    rc = prepare_files(m);
out:
    if (rc)
        manifest_free(m);
    else
        *m_r = m;
    return rc;
}

void manifest_free(struct manifest *m)
{
    struct raw_chunk *c;

    if (!m)
        return;
    if (m->map)
        fsparse_map_free(m->map);
    while ((c = m->chunks)) {
        m->chunks = c->next;
        free(c);
    }
    free(m->raw);
    free(m->files);
    free(m);
}

const struct fsparse_extent *object_extents(const struct manifest *m,
                                            const struct object *o,
                                            size_t *n_r)
{
    if (o->file == OBJECT_RAW) {
        *n_r = 1;
        return &o->raw;
    }
    *n_r = o->unusable ? 0 : m->map->files[o->file].n_extents;
    return m->map->files[o->file].extents;
}

uint64_t object_mapped(const struct manifest *m, const struct object *o)
{
    const struct fsparse_extent *e;
    uint64_t bytes = 0;
    size_t n;

    for (e = object_extents(m, o, &n); n; n--, e++)
        bytes += e->length;
    return bytes;
}

/* Hands over [pos, end) of some content: bytes of the image from physical on,
 * or zeros if buf is NULL. */
static int read_span(const struct image *img, uint8_t *buf, uint64_t pos,
                     uint64_t end, uint64_t physical, object_sink *sink,
                     void *opaque)
{
    size_t n;
    int rc = 0;

    for (; pos < end && !rc; pos += n, physical += n) {
        n = end - pos < PIECE ? end - pos : PIECE;
        if (buf)
            rc = image_read(img, buf, n, physical);
        if (!rc)
            rc = sink(opaque, buf ? buf : zero_piece, n, pos);
    }
    return rc;
}

/* Inline content comes from the map. */
static int read_inline(const struct fsparse_file *f, object_sink *sink,
                       void *opaque)
{
    uint64_t pos = 0;
    size_t n;
    int rc = 0;

    for (; pos < f->size && !rc; pos += n) {
        n = f->size - pos < PIECE ? f->size - pos : PIECE;
        rc = sink(opaque, f->inline_data + pos, n, pos);
    }
    return rc;
}

int content_read(const struct image *img, const struct fsparse_extent *e,
                 size_t n, uint64_t size, object_sink *sink, void *opaque)
{
    uint8_t *buf = aligned_alloc(4096, PIECE);
    uint64_t pos = 0;
    int rc = 0;

    if (!buf) {
        log_error("no memory to read an object");
        return -ENOMEM;
    }
    for (; n && !rc; n--, e++) {
        rc = read_span(img, NULL, pos, e->logical, 0, sink, opaque);
        pos = e->logical + e->length;
        if (!rc)
            rc = read_span(img, buf, e->logical, pos, e->physical, sink,
                           opaque);
    }
    if (!rc)
        rc = read_span(img, NULL, pos, size, 0, sink, opaque);
    free(buf);
    return rc;
}

int object_read(const struct manifest *m, const struct object *o,
                object_sink *sink, void *opaque)
{
    const struct fsparse_extent *e;
    size_t n;

    if (o->unusable)
        return 0;
    if (o->file != OBJECT_RAW && m->map->files[o->file].inline_data &&
        (m->map->files[o->file].flags & FSPARSE_INLINE))
        return read_inline(&m->map->files[o->file], sink, opaque);
    e = object_extents(m, o, &n);
    return content_read(m->image, e, n, o->size, sink, opaque);
}

char *object_name(const struct manifest *m, const struct object *o,
                  char *buf, size_t size)
{
    const struct fsparse_file *f;
    size_t used;

    if (o->file == OBJECT_RAW) {
        snprintf(buf, size, "raw:%" PRIu64 "+%" PRIu64, o->raw.physical,
                 o->raw.length);
        return buf;
    }
    f = &m->map->files[o->file];
    snprintf(buf, size, "p%u:", m->map->partitions[f->partition].number);
    used = strnlen(buf, size);
    text_escape(f->path, buf + used, size - used);
    used = strnlen(buf, size);
    if (*f->stream && used + 1 < size) {
        buf[used] = ':';
        text_escape(f->stream, buf + used + 1, size - used - 1);
    }
    return buf;
}
