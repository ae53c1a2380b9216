/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries that turned out wrong; see index_forget.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "plugin/index/index.h"
#include "plugin/index/index_forget.h"

struct job {
    const struct index_wrong *list;
    size_t n;
};

/* What is not there need not be removed. */
static int delete(struct store *s, MDB_txn *t, enum store_table table,
                  void *key, size_t length, MDB_val *value)
{
    MDB_val k = { length, key };
    int rc = store_code(mdb_del(t, store_dbi(s, table), &k, value));

    return rc == -ENOENT ? 0 : rc;
}

static int delete_object(struct store *s, MDB_txn *t, struct index_place place,
                         const struct index_object *o)
{
    uint8_t name[8], key[INDEX_HASH_KEY];
    MDB_val value = { sizeof(name), name };
    int rc;

    index_place_put(name, place.id, place.number);
    index_hash_key(key, o->digest, o->size);
    rc = delete(s, t, STORE_HASHES, key, INDEX_HASH_KEY, &value);
    if (!rc && *o->path) {
        index_path_key(key, o->path, o->stream);
        rc = delete(s, t, STORE_PATHS, key, INDEX_NAME_KEY, &value);
    }
    if (!rc && *o->path && !*o->stream && index_version_key(key, o->path))
        rc = delete(s, t, STORE_VERSIONS, key, INDEX_NAME_KEY, &value);
    return rc ? rc : delete(s, t, STORE_OBJECTS, name, sizeof(name), NULL);
}

static int forget_one(struct store *s, MDB_txn *t,
                      const struct index_wrong *wrong)
{
    struct index_object o;
    int rc = index_get(s, t, wrong->place, &o);

    if (rc)
        return rc == -ENOENT ? 0 : rc;
    if (o.size == wrong->size &&
        !memcmp(o.digest, wrong->digest, PROTO_SHORT_DIGEST))
        rc = delete_object(s, t, wrong->place, &o);
    index_object_release(&o);
    return rc;
}

static int forget(struct store *s, MDB_txn *t, void *opaque)
{
    const struct job *j = opaque;
    size_t i;
    int rc = 0;

    for (i = 0; i < j->n && !rc; i++)
        rc = forget_one(s, t, &j->list[i]);
    return rc;
}

int index_forget(struct store *s, const struct index_wrong *list, size_t n)
{
    struct job j = { list, n };

    return n > 0 ? store_write(s, forget, &j) : 0;
}
