/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A spot check of indexed images; see index_spotcheck.h. */
#include "config.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "plugin/base/digest.h"
#include "plugin/index/basis.h"
#include "plugin/index/index.h"
#include "plugin/index/index_spotcheck.h"

static int hash_piece(void *opaque, const void *data, size_t length,
                      uint64_t logical)
{
    (void)logical;
    digest_update(opaque, data, length);
    return 0;
}

/* Releases the object. */
static bool is_same(const struct image *img, struct index_object *o)
{
    struct digest state;
    uint8_t hash[HASH_BYTES];
    struct basis h;
    bool same;

    if (!basis_of_indexed(&h, img, o))
        return false;
    digest_init(&state);
    same = !basis_stream(&h, hash_piece, &state);
    digest_final(&state, hash);
    same = same && !memcmp(hash, h.object.digest, PROTO_SHORT_DIGEST);
    basis_release(&h);
    return same;
}

static int get_one(struct store *s, struct index_place place,
                   struct index_object *o)
{
    MDB_txn *t;
    int rc = store_read(s, &t);

    if (rc)
        return rc;
    rc = index_get(s, t, place, o);
    store_read_end(s, t);
    return rc;
}

int index_spotcheck(struct store *s, const struct index_image *image,
                    unsigned n, struct index_spotcheck *r)
{
    struct index_place place = { image->id, 0 };
    struct image img = IMAGE_INIT;
    struct index_object o;
    unsigned i;
    int rc;

    *r = (struct index_spotcheck){ 0, 0 };
    if (!image->n_objects)
        return 0;
    rc = image_open(&img, image->path);
    for (i = 0; i < n && !rc; i++) {
        place.number = n < image->n_objects ?
            randombytes_uniform(image->n_objects) : i;
        if (place.number >= image->n_objects)
            break;
        rc = get_one(s, place, &o);
        if (rc == -ENOENT) {
            rc = 0;             /* that number was not worth entering */
            continue;
        }
        if (rc)
            break;
        r->compared++;
        r->differ += !is_same(&img, &o);
    }
    image_release(&img);
    return rc;
}
