/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking for an object in the references, and bringing it to its place.
 *
 * Content is hashed while it is copied; what is not what the digest says is
 * looked for in the next image that should have it.  A dry run takes the
 * index at its word.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "plugin/index/index_add_image.h"
#include "plugin/target/disk.h"
#include "plugin/target/local_copy.h"

#define HOLDINGS_MAX 4              /* tried for one object */

/* Takes content that is in its place already. */
static int check_copy(void *opaque, const void *data, size_t length,
                      uint64_t logical)
{
    struct copy *c = opaque;
    uint64_t end = logical + length;
    const struct fsparse_extent *e;

    digest_update(&c->state, data, length);
    while (c->next < c->object->n_extents) {
        e = &c->extents[c->next];
        if (e->logical < end)
            rebuild_touch(c->disk, e->physical, e->length);
        if (e->logical + e->length > end)
            break;
        c->next++;
    }
    return 0;
}

/* What is shared is not handed to anybody if reading fails before. */
static void touch_object(const struct batch *b, const struct wire_object *o)
{
    const struct fsparse_extent *e = b->extents + o->first_extent;
    uint32_t i;

    for (i = 0; i < o->n_extents; i++)
        rebuild_touch(b->disk, e[i].physical, e[i].length);
}

static int copy_basis(const struct batch *b, const struct wire_object *o,
                        const struct basis *h)
{
    struct copy c;
    int rc;

    if (b->disk->dry)
        return 1;
    rebuild_copy_begin(&c, b, o);
    touch_object(b, o);
    rc = local_copy(&b->disk->dest, h, c.extents, o->n_extents, rebuild_copy,
                    check_copy, &c);
    touch_object(b, o);
    /* A reference that cannot be read is as good as none. */
    if (rc)
        return rc == -EIO ? 0 : rc;
    return rebuild_copy_is(&c, o->digest);
}

/* 1: copied; 0: not found or not as expected; negative: writing failed. */
static int from_reference(const struct batch *b, const struct wire_object *o)
{
    struct references *r = b->disk->references;
    struct basis h;
    unsigned nth;
    int rc = 0;

    for (nth = 0; nth < HOLDINGS_MAX && !rc; nth++) {
        if (!references_find(r, o->digest, o->size, nth, &h))
            break;
        rc = copy_basis(b, o, &h);
        basis_release(&h);
    }
    return rc;
}

int search_object(const struct batch *b, const struct wire_object *o)
{
    struct references *r = b->disk->references;
    uint64_t news;
    int rc;

    do {
        news = references_news(r);
        rc = from_reference(b, o);
    } while (!rc && references_wait(r, news, o->size));
    return rc;
}

/* Entering */

static bool from_batches(void *opaque, uint32_t i, struct index_object *o)
{
    const struct batch *b;
    const struct wire_object *w;
    struct target_disk *d = opaque;

    w = rebuild_object(d, i, &b);
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
        .n = d->n_objects,
        .get = from_batches,
        .opaque = d,
    };
}

void search_enter_ahead(struct target_disk *d)
{
    struct index_source source = source_of(d);
    const char *directory;
    struct store *s = references_store(d->references, &directory);

    if (s && !d->dry && d->n_objects &&
        index_adding_start(&d->entering, s, directory, d->path, &source))
        d->entering = NULL;         /* search_enter() will do it */
}

void search_enter_end(struct target_disk *d)
{
    struct stamp stamp;

    if (!d->entering || !d->placed || stamp_of(d->path, &stamp))
        return;
    d->entered = index_adding_end(d->entering, d->path, &stamp);
    d->entering = NULL;
}

void search_enter(struct target_disk *d, const char *state_dir)
{
    struct index_source source = source_of(d);
    struct stamp stamp;

    if (!d->entered && d->placed && d->n_objects && !stamp_of(d->path, &stamp))
        index_add_image(state_dir, d->path, &stamp, &source);
}
