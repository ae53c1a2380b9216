/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking for an object in the references; see local_search.h.
 *
 * Content is hashed before it is written if it is small, else while it is
 * copied; what is not what the digest says is taken back, and looked for in the
 * next image that should have it.  A dry run takes the index at its word.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "plugin/target/local_copy.h"
#include "plugin/target/local_search.h"
#include "plugin/target/place.h"

/* Tried for one object.  Wrong ones are forgotten afterwards, so that more do
 * not hide a true one for long. */
#define BASES_MAX 16
#define SMALL (64u << 10)           /* bytes: less is not shared either */

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
            place_touch(c->disk, e->physical, e->length);
        if (e->logical + e->length > end)
            break;
        c->next++;
    }
    return 0;
}

/* Content that is hashed first.  What cannot be read is not the same. */
static int copy_small(const struct batch *b, const struct wire_object *o,
                      const struct basis *h, bool *same_r)
{
    uint8_t data[SMALL], hash[HASH_BYTES];
    struct copy c;

    *same_r = false;
    if (basis_read(h, data, h->size, 0))
        return 0;
    digest_of(data, h->size, hash);
    *same_r = !memcmp(hash, o->digest, PROTO_SHORT_DIGEST);
    if (!*same_r) {
        references_wrong(b->disk->references, h);
        return 0;
    }
    place_copy_begin(&c, b, o);
    return place_put(&c, data, h->size, 0);
}

/* *same_r: it was copied, and is what it should be. */
static int copy_basis(const struct batch *b, const struct wire_object *o,
                      const struct basis *h, bool *same_r)
{
    struct copy c;
    int rc, cleared;

    *same_r = b->disk->dry;
    if (b->disk->dry)
        return 0;
    if (h->size <= SMALL)
        return copy_small(b, o, h, same_r);
    place_copy_begin(&c, b, o);
    /* What is shared is not handed to anybody if reading fails before. */
    place_touch_object(b, o);
    rc = local_copy(&b->disk->dest, h, c.extents, o->n_extents, place_copy,
                    check_copy, &c);
    place_touch_object(b, o);
    *same_r = !rc && place_copy_is(&c, o->digest);
    cleared = *same_r ? 0 : place_clear_object(b, o);
    /* A reference that cannot be read is as good as none. */
    if (rc && rc != -EIO)
        return rc;
    if (!rc && !*same_r)
        references_wrong(b->disk->references, h);
    return cleared;
}

static int from_reference(const struct batch *b, const struct wire_object *o,
                          bool *found_r)
{
    struct references *r = b->disk->references;
    struct basis h;
    unsigned nth;
    int rc = 0;

    *found_r = false;
    for (nth = 0; nth < BASES_MAX && !rc && !*found_r; nth++) {
        if (!references_find(r, o->digest, o->size, nth, &h))
            break;
        rc = copy_basis(b, o, &h, found_r);
        basis_release(&h);
    }
    return rc;
}

int local_search(const struct batch *b, const struct wire_object *o,
                 bool *found_r)
{
    struct references *r = b->disk->references;
    uint64_t news;
    int rc;

    do {
        news = references_news(r);
        rc = from_reference(b, o, found_r);
    } while (!rc && !*found_r && references_wait(r, news, o->size));
    return rc;
}
