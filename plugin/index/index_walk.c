/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The health of an index; see index_walk.h.
 *
 * The quick walk must survive any file, or die: it runs in a child of
 * store_verify().  What LMDB does with a damaged page is its own affair; that
 * it goes round in circles is prevented by counting.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "plugin/index/index.h"
#include "plugin/index/index_walk.h"

struct walk {
    struct store *store;
    MDB_txn *txn;
    struct index_report *report;    /* or NULL */
    uint64_t left;                  /* records that may still come */
};

/* A record takes eight bytes at least. */
static int count_limit(MDB_txn *t, uint64_t *limit)
{
    MDB_env *env = mdb_txn_env(t);
    MDB_envinfo info;
    MDB_stat stat;

    if (mdb_env_info(env, &info) || mdb_env_stat(env, &stat))
        return -EUCLEAN;
    *limit = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize / 8;
    return 0;
}

static struct index_place place_of(const MDB_val *v)
{
    uint8_t bytes[8] = { 0 };

    memcpy(bytes, v->mv_data, v->mv_size);
    return index_place_get(bytes);
}

static int visit_image(struct walk *w, MDB_val *key, MDB_val *value)
{
    struct index_image image;
    int rc;

    if (key->mv_size != 4)
        return -EUCLEAN;
    rc = index_decode_image(&image, place_of(key).id, value->mv_data,
                            value->mv_size);
    if (rc)
        return rc;
    if (w->report) {
        if (image.state == INDEX_LISTED)
            w->report->images++;
        else
            w->report->abandoned++;
    }
    index_image_release(&image);
    return 0;
}

static bool leads_to(struct walk *w, enum store_table table, void *name,
                     size_t length, struct index_place place)
{
    uint8_t bytes[8];
    MDB_val key = { length, name }, value = { sizeof(bytes), bytes };
    MDB_cursor *c;
    bool there = false;

    index_place_put(bytes, place.id, place.number);
    if (mdb_cursor_open(w->txn, store_dbi(w->store, table), &c))
        return false;
    there = !mdb_cursor_get(c, &key, &value, MDB_GET_BOTH);
    mdb_cursor_close(c);
    return there;
}

static bool image_is_there(struct walk *w, uint32_t id)
{
    uint8_t bytes[8];
    MDB_val key = { 4, bytes }, value;

    index_place_put(bytes, id, 0);
    return !mdb_get(w->txn, store_dbi(w->store, STORE_IMAGES), &key, &value);
}

/* Entries of an image that is still being entered or dropped are not right,
 * and need not be. */
static int visit_object(struct walk *w, MDB_val *key, MDB_val *value)
{
    uint8_t hash[INDEX_HASH_KEY], name[INDEX_NAME_KEY];
    struct index_place place;
    struct index_object o;
    int rc;

    if (key->mv_size != 8)
        return -EUCLEAN;
    rc = index_decode_object(&o, key->mv_data, value->mv_data,
                             value->mv_size);
    if (rc || !w->report)
        goto out;
    place = place_of(key);
    w->report->objects++;
    index_hash_key(hash, o.digest, o.size);
    index_path_key(name, o.path, o.stream);
    if (!leads_to(w, STORE_HASHES, hash, sizeof(hash), place) ||
        (*o.path && !leads_to(w, STORE_PATHS, name, sizeof(name), place)))
        w->report->missing++;
    if (!image_is_there(w, place.id))
        w->report->lost++;
out:
    index_object_release(&o);
    return rc;
}

static bool object_has_key(struct walk *w, enum store_table table,
                           const MDB_val *key, struct index_place place)
{
    uint8_t hash[INDEX_HASH_KEY], name[INDEX_NAME_KEY];
    struct index_object o;
    bool same = false;

    if (index_get(w->store, w->txn, place, &o))
        return false;
    if (table == STORE_HASHES) {
        index_hash_key(hash, o.digest, o.size);
        same = !memcmp(hash, key->mv_data, sizeof(hash));
    } else if (table == STORE_PATHS) {
        index_path_key(name, o.path, o.stream);
        same = !memcmp(name, key->mv_data, sizeof(name));
    } else {
        same = index_version_key(name, o.path) &&
            !memcmp(name, key->mv_data, sizeof(name));
    }
    index_object_release(&o);
    return same;
}

static int visit_entry(struct walk *w, enum store_table table, MDB_val *key,
                       MDB_val *value)
{
    size_t length = table == STORE_HASHES ? INDEX_HASH_KEY : INDEX_NAME_KEY;

    if (key->mv_size != length || value->mv_size != 8)
        return -EUCLEAN;
    if (!w->report)
        return 0;
    w->report->entries++;
    if (!object_has_key(w, table, key, place_of(value)))
        w->report->lost++;
    return 0;
}

static int visit(struct walk *w, enum store_table table, MDB_val *key,
                 MDB_val *value)
{
    if (!w->left--)
        return -EUCLEAN;
    switch (table) {
    case STORE_FORMATS:
        return value->mv_size == 4 ? 0 : -EUCLEAN;
    case STORE_IMAGES:
        return visit_image(w, key, value);
    case STORE_OBJECTS:
        return visit_object(w, key, value);
    default:
        return visit_entry(w, table, key, value);
    }
}

static int walk_table(struct walk *w, enum store_table table)
{
    MDB_val key, value;
    MDB_cursor *c;
    int rc;

    rc = store_code(mdb_cursor_open(w->txn, store_dbi(w->store, table), &c));
    if (rc)
        return rc;
    rc = store_code(mdb_cursor_get(c, &key, &value, MDB_FIRST));
    while (!rc) {
        rc = visit(w, table, &key, &value);
        if (!rc)
            rc = store_code(mdb_cursor_get(c, &key, &value, MDB_NEXT));
    }
    mdb_cursor_close(c);
    return rc == -ENOENT ? 0 : rc;
}

int index_walk(struct store *s, MDB_txn *t, struct index_report *r)
{
    struct walk w = { .store = s, .txn = t, .report = r };
    unsigned table;
    int rc;

    if (r)
        memset(r, 0, sizeof(*r));
    rc = count_limit(t, &w.left);
    for (table = 0; table < STORE_TABLES && !rc; table++)
        rc = walk_table(&w, table);
    return rc;
}
