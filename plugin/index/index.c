/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the index; see index.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "plugin/index/index.h"

static uint32_t id_of(const MDB_val *key)
{
    uint8_t value[8] = { 0 };

    memcpy(value, key->mv_data, 4);
    return index_place_get(value).id;
}

int index_images(struct store *s, MDB_txn *t, bool all,
                 int (*each)(void *opaque, const struct index_image *i),
                 void *opaque)
{
    MDB_val key, value;
    MDB_cursor *c;
    int rc;

    rc = store_code(mdb_cursor_open(t, store_dbi(s, STORE_IMAGES), &c));
    if (rc)
        return rc;
    rc = store_code(mdb_cursor_get(c, &key, &value, MDB_FIRST));
    while (!rc) {
        struct index_image image = { 0 };

        rc = key.mv_size != 4 ? -EUCLEAN :
            index_decode_image(&image, id_of(&key), value.mv_data,
                               value.mv_size);
        if (!rc && (all || image.state == INDEX_LISTED))
            rc = each(opaque, &image);
        index_image_release(&image);
        if (!rc)
            rc = store_code(mdb_cursor_get(c, &key, &value, MDB_NEXT));
    }
    mdb_cursor_close(c);
    return rc == -ENOENT ? 0 : rc;
}

struct search {
    const char *path;
    struct index_image *found;
};

static int compare_path(void *opaque, const struct index_image *i)
{
    struct search *search = opaque;

    if (strcmp(i->path, search->path))
        return 0;
    *search->found = *i;
    search->found->path = strdup(i->path);
    return search->found->path ? 1 : -ENOMEM;
}

int index_find_image(struct store *s, MDB_txn *t, const char *path,
                     struct index_image *i_r)
{
    struct search search = { path, i_r };
    int rc = index_images(s, t, false, compare_path, &search);

    return rc == 1 ? 0 : rc ? rc : -ENOENT;
}

/* Places of one image for the same key.  More are left out: they are as good as
 * these, or as bad. */
#define PLACES_OF_IMAGE 4

/* Goes to the first place of an image after this one.  Places are in the order
 * of their images. */
static int next_image(MDB_cursor *c, MDB_val *key, MDB_val *value, uint32_t id)
{
    uint8_t place[8];

    if (id == UINT32_MAX)
        return -ENOENT;
    index_place_put(place, id + 1, 0);
    *value = (MDB_val){ sizeof(place), place };
    return store_code(mdb_cursor_get(c, key, value, MDB_GET_BOTH_RANGE));
}

static bool is_full(const struct index_place *places, int n, uint32_t id)
{
    return n >= PLACES_OF_IMAGE && places[n - PLACES_OF_IMAGE].id == id;
}

static int places_of(struct store *s, MDB_txn *t, enum store_table table,
                     void *name, size_t length,
                     const struct index_filter *filter,
                     struct index_place *places, int max)
{
    MDB_val key = { length, name }, value;
    struct index_place place;
    MDB_cursor *c;
    int n = 0, rc;

    rc = store_code(mdb_cursor_open(t, store_dbi(s, table), &c));
    if (rc)
        return rc;
    rc = store_code(mdb_cursor_get(c, &key, &value, MDB_SET));
    while (!rc && n < max) {
        if (value.mv_size != 8) {
            rc = -EUCLEAN;
            break;
        }
        place = index_place_get(value.mv_data);
        if (is_full(places, n, place.id) ||
            (filter && !filter->wants(filter->opaque, place.id))) {
            rc = next_image(c, &key, &value, place.id);
            continue;
        }
        places[n++] = place;
        rc = store_code(mdb_cursor_get(c, &key, &value, MDB_NEXT_DUP));
    }
    mdb_cursor_close(c);
    return rc && rc != -ENOENT ? rc : n;
}

int index_by_hash(struct store *s, MDB_txn *t, const uint8_t *short_digest,
                  uint64_t size, const struct index_filter *filter,
                  struct index_place *places, int max)
{
    uint8_t key[INDEX_HASH_KEY];

    index_hash_key(key, short_digest, size);
    return places_of(s, t, STORE_HASHES, key, sizeof(key), filter, places,
                     max);
}

int index_by_path(struct store *s, MDB_txn *t, const char *path,
                  const char *stream, const struct index_filter *filter,
                  struct index_place *places, int max)
{
    uint8_t key[INDEX_NAME_KEY];

    index_path_key(key, path, stream);
    return places_of(s, t, STORE_PATHS, key, sizeof(key), filter, places,
                     max);
}

int index_by_version(struct store *s, MDB_txn *t, const char *path,
                     const struct index_filter *filter,
                     struct index_place *places, int max)
{
    uint8_t key[INDEX_NAME_KEY];

    if (!index_version_key(key, path))
        return 0;
    return places_of(s, t, STORE_VERSIONS, key, sizeof(key), filter, places,
                     max);
}

int index_get(struct store *s, MDB_txn *t, struct index_place place,
              struct index_object *o_r)
{
    uint8_t name[8];
    MDB_val key = { sizeof(name), name }, value;
    int rc;

    index_place_put(name, place.id, place.number);
    rc = store_code(mdb_get(t, store_dbi(s, STORE_OBJECTS), &key, &value));
    return rc ? rc :
        index_decode_object(o_r, name, value.mv_data, value.mv_size);
}
