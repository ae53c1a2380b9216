/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that this host holds; see holding.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "plugin/holding.h"

void holding_of_object(struct holding *h, const struct manifest *m,
                       const struct object *o)
{
    const struct fsparse_file *f = &m->map->files[o->file];

    h->image = m->image;
    h->size = o->size;
    h->extents = object_extents(m, o, &h->n_extents);
    h->inline_data = f->flags & FSPARSE_INLINE ? f->inline_data : NULL;
}

/* The first extent that ends behind offset. */
static size_t find_extent(const struct holding *h, uint64_t offset)
{
    size_t low = 0, high = h->n_extents, middle;

    while (low < high) {
        middle = low + (high - low) / 2;
        if (h->extents[middle].logical + h->extents[middle].length <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int holding_read(const struct holding *h, void *data, size_t length,
                 uint64_t offset)
{
    const struct fsparse_extent *e;
    uint8_t *p = data;
    size_t i, n;
    int rc = 0;

    if (offset > h->size || length > h->size - offset)
        return -EINVAL;
    if (h->inline_data) {
        memcpy(p, h->inline_data + offset, length);
        return 0;
    }
    for (i = find_extent(h, offset); length && !rc; p += n, offset += n,
         length -= n) {
        e = i < h->n_extents ? &h->extents[i] : NULL;
        n = length;
        if (!e || e->logical > offset) {
            if (e && e->logical - offset < n)
                n = e->logical - offset;
            memset(p, 0, n);
            continue;
        }
        if (e->logical + e->length - offset < n)
            n = e->logical + e->length - offset;
        rc = image_read(h->image, p, n, e->physical + offset - e->logical);
        if (offset + n == e->logical + e->length)
            i++;
    }
    return rc;
}
