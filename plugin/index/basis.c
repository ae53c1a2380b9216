/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Content that this host holds; see basis.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "plugin/index/basis.h"

static bool fits(const struct index_object *o, uint64_t image_size)
{
    uint64_t held = 0;
    size_t i;

    for (i = 0; i < o->n_extents; i++) {
        if (o->extents[i].physical > image_size ||
            o->extents[i].length > image_size - o->extents[i].physical)
            return false;
        held += o->extents[i].length;
    }
    return !o->n_extents || gaps_are_few(o->size, held, image_size);
}

bool basis_of_indexed(struct basis *b, const struct image *img,
                      struct index_object *o)
{
    if (!fits(o, img->size)) {
        index_object_release(o);
        return false;
    }
    *b = (struct basis){
        .image = img,
        .size = o->size,
        .extents = o->extents,
        .n_extents = o->n_extents,
        .inline_data = o->n_extents ? NULL : o->inline_data,
        .object = *o,
    };
    return true;
}

void basis_release(struct basis *b)
{
    index_object_release(&b->object);
    memset(b, 0, sizeof(*b));
}

int basis_stream(const struct basis *b, object_sink *sink, void *opaque)
{
    if (b->inline_data)
        return sink(opaque, b->inline_data, b->size, 0);
    return content_read(b->image, b->extents, b->n_extents, b->size, sink,
                        opaque);
}

/* The first extent that ends after offset. */
static size_t find_extent(const struct basis *b, uint64_t offset)
{
    size_t low = 0, high = b->n_extents, middle;

    while (low < high) {
        middle = low + (high - low) / 2;
        if (b->extents[middle].logical + b->extents[middle].length <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int basis_read(const struct basis *b, void *data, size_t length,
               uint64_t offset)
{
    const struct fsparse_extent *e;
    uint8_t *p = data;
    size_t i, n;
    int rc = 0;

    if (offset > b->size || length > b->size - offset)
        return -EINVAL;
    if (b->inline_data) {
        memcpy(p, b->inline_data + offset, length);
        return 0;
    }
    for (i = find_extent(b, offset); length && !rc; p += n, offset += n,
         length -= n) {
        e = i < b->n_extents ? &b->extents[i] : NULL;
        n = length;
        if (!e || e->logical > offset) {
            if (e && e->logical - offset < n)
                n = e->logical - offset;
            memset(p, 0, n);
            continue;
        }
        if (e->logical + e->length - offset < n)
            n = e->logical + e->length - offset;
        rc = image_read(b->image, p, n, e->physical + offset - e->logical);
        if (offset + n == e->logical + e->length)
            i++;
    }
    return rc;
}
