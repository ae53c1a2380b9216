/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Received disks in the index; see index_disk.h. */
#include "config.h"

#include <string.h>

#include "plugin/index/index_add_image.h"
#include "plugin/target/index_disk.h"
#include "plugin/target/objects.h"

static bool from_batches(void *opaque, uint32_t i, struct index_object *o)
{
    const struct batch *b;
    const struct wire_object *w;
    struct target_disk *d = opaque;

    w = objects_find(d, i, &b);
    if (!w || !w->size)
        return false;
    *o = (struct index_object){
        .size = w->size,
        .extents = b->extents + w->first_extent,
        .n_extents = w->n_extents,
        .path = "",
        .stream = "",
    };
    memcpy(o->digest, w->digest, sizeof(o->digest));
    return true;
}

static struct index_source source_of(struct target_disk *d)
{
    return (struct index_source){
        .n = objects_count(d),
        .get = from_batches,
        .opaque = d,
    };
}

void index_disk_begin(struct target_disk *d)
{
    struct index_source source = source_of(d);
    int lock_fd;
    struct store *s = references_store(d->references, &lock_fd);

    /* It is read when it is wanted. */
    if (s && !d->dry && objects_count(d) &&
        index_adding_start(&d->adding, s, lock_fd, d->path, &source))
        d->adding = NULL;
}

void index_disk_end(struct target_disk *d)
{
    if (!d->adding || !d->placed || !d->index_name)
        return;
    index_adding_end(d->adding, d->index_name, &d->index_stamp);
    d->adding = NULL;
}

void index_disk_stop(struct target_disk *d)
{
    index_adding_free(d->adding);
    d->adding = NULL;
}
