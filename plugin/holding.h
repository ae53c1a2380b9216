/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A holding: where the content of a file lies that this host holds in one of
 * its images.  It is borrowed from whoever found it.  What is read may have
 * changed since the image was scanned: like everything that comes from a
 * reference it is a hint.
 */
#ifndef PLUGIN_HOLDING_H
#define PLUGIN_HOLDING_H

#include "plugin/manifest.h"

struct holding {
    const struct image *image;
    uint64_t size;
    const struct fsparse_extent *extents;   /* ascending by logical */
    size_t n_extents;
    const uint8_t *inline_data;             /* size bytes, or NULL */
};

void holding_of_object(struct holding *h, const struct manifest *m,
                       const struct object *o);

/* Reads length bytes of the content at offset; they must lie inside. */
int holding_read(const struct holding *h, void *data, size_t length,
                 uint64_t offset);

#endif
