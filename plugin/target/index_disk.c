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
    const char *directory;
    struct store *s = references_store(d->references, &directory);

    /* If that fails, index_disk_enter() does it all. */
    if (s && !d->dry && objects_count(d) &&
        index_adding_start(&d->adding, s, directory, d->path, &source))
        d->adding = NULL;
}

void index_disk_end(struct target_disk *d)
{
    struct stamp stamp;

    if (!d->adding || !d->placed || stamp_of(d->path, &stamp))
        return;
    d->indexed = index_adding_end(d->adding, d->path, &stamp);
    d->adding = NULL;
}

void index_disk_stop(struct target_disk *d)
{
    index_adding_free(d->adding);
    d->adding = NULL;
}

void index_disk_enter(struct target_disk *d, const char *state_dir)
{
    struct index_source source = source_of(d);
    struct stamp stamp;

    if (!d->indexed && d->placed && objects_count(d) &&
        !stamp_of(d->path, &stamp))
        index_add_image(state_dir, d->path, &stamp, &source);
}
