/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A basis: content that this host holds in one of its images, from which a disk
 * is built.  What is read may have changed since the image was scanned: like
 * everything that comes from a reference it is a hint.
 */
#ifndef PLUGIN_INDEX_BASIS_H
#define PLUGIN_INDEX_BASIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/content/manifest.h"
#include "plugin/image/image.h"
#include "plugin/index/index_record.h"

struct basis {
    const struct image *image;              /* borrowed */
    uint64_t size;
    const struct fsparse_extent *extents;   /* ascending by logical */
    size_t n_extents;
    const uint8_t *inline_data;             /* size bytes, or NULL */
    struct index_object object;             /* owns what is pointed to */
    struct index_place place;               /* of it in the index */
};

/* Takes the object over, for basis_release().  False, and the object is
 * released: its extents do not lie inside the image, or its gaps are larger
 * than a manifest would have allowed.  (The index may be old, or wrong.) */
bool basis_of_indexed(struct basis *b, const struct image *img,
                      struct index_object *o);
void basis_release(struct basis *b);

/* Hands over all content, as object_read() does it.  0, or what a sink that
 * failed or the image says. */
int basis_stream(const struct basis *b, object_sink *sink, void *opaque);

/* Reads length bytes of the content at offset.  0 or a negative errno:
 * -EINVAL, if they do not lie inside. */
int basis_read(const struct basis *b, void *data, size_t length,
               uint64_t offset);

#endif
