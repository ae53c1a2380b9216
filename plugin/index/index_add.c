/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entering images into the index and dropping them; see index_add.h.
 *
 * The keys of the tables by hash and by name come in no order.  To put them in
 * as they come would touch a page of its own for each, and write the table
 * anew in every transaction.  So up to CHUNK of them are sorted first, then
 * each transaction touches one stretch of the table.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plugin/base/buf.h"
#include "plugin/base/log.h"
#include "plugin/index/index.h"
#include "plugin/index/index_add.h"

#define CHUNK (1u << 20)            /* entries sorted at a time */
#define BATCH 8192u                 /* entries in a transaction */

struct entry {
    uint8_t key[INDEX_HASH_KEY];    /* a name key is filled with zeros */
    uint32_t number;
};

/* What is being entered or dropped. */
struct job {
    struct store *store;
    struct index_image image;
    const struct index_source *source;  /* NULL: drop */
    struct entry *entries;
    size_t n_entries;
    enum store_table table;
    uint32_t first, end;            /* numbers, or entries, of a transaction */
};

static size_t key_length(enum store_table table)
{
    return table == STORE_HASHES ? INDEX_HASH_KEY : INDEX_NAME_KEY;
}

/* Images */

static int put_image(struct store *s, MDB_txn *t,
                     const struct index_image *image)
{
    struct buf b = BUF_INIT;
    uint8_t name[8];
    MDB_val key = { 4, name }, value;
    int rc;

    index_place_put(name, image->id, 0);
    index_encode_image(&b, image);
    value = (MDB_val){ b.length, b.data };
    rc = b.failed ? -ENOMEM :
        store_code(mdb_put(t, store_dbi(s, STORE_IMAGES), &key, &value, 0));
    buf_release(&b);
    return rc;
}

/* Takes the next number there is. */
static int begin_image(struct store *s, MDB_txn *t, void *opaque)
{
    struct job *j = opaque;
    MDB_dbi dbi = store_dbi(s, STORE_FORMATS);
    MDB_val key = { 4, (void *)(uintptr_t)"next" }, value;
    uint32_t next = 1;
    int rc = store_code(mdb_get(t, dbi, &key, &value));

    if (rc && rc != -ENOENT)
        return rc;
    if (!rc && value.mv_size != sizeof(next))
        return -EUCLEAN;
    if (!rc)
        memcpy(&next, value.mv_data, sizeof(next));
    j->image.id = next++;
    if (next == 0)
        return -EUCLEAN;        /* 2^32 scans */
    value = (MDB_val){ sizeof(next), &next };
    rc = store_code(mdb_put(t, dbi, &key, &value, 0));
    return rc ? rc : put_image(s, t, &j->image);
}

struct same_path {
    const char *path;
    uint32_t ids[16];
    unsigned n;
};

static int note_id(void *opaque, const struct index_image *i)
{
    struct same_path *same = opaque;

    if (same->n < 16 && (!same->path || !strcmp(same->path, i->path)))
        same->ids[same->n++] = i->id;
    return 0;
}

static int get_image(struct store *s, MDB_txn *t, uint32_t id,
                     struct index_image *image)
{
    uint8_t name[8];
    MDB_val key = { 4, name }, value;
    int rc;

    index_place_put(name, id, 0);
    rc = store_code(mdb_get(t, store_dbi(s, STORE_IMAGES), &key, &value));
    return rc ? rc : index_decode_image(image, id, value.mv_data,
                                        value.mv_size);
}

static int unlist(struct store *s, MDB_txn *t, uint32_t id)
{
    struct index_image image;
    int rc = get_image(s, t, id, &image);

    if (rc)
        return rc;
    image.state = INDEX_DROPPING;
    rc = put_image(s, t, &image);
    index_image_release(&image);
    return rc;
}

/* An image that is complete. */
struct complete {
    uint32_t id;
    const char *path;
    const struct stamp *stamp;
};

static int list_as(struct store *s, MDB_txn *t, const struct complete *c,
                   struct index_image *image)
{
    char *path = strdup(c->path);

    if (!path)
        return -ENOMEM;
    free(image->path);
    image->path = path;
    image->stamp = *c->stamp;
    image->time = time(NULL);
    image->state = INDEX_LISTED;
    return put_image(s, t, image);
}

/* Lists the new one and unlists the old ones, at once. */
static int list_image(struct store *s, MDB_txn *t, void *opaque)
{
    const struct complete *c = opaque;
    struct same_path same = { .path = c->path };
    struct index_image image;
    unsigned i;
    int rc = get_image(s, t, c->id, &image);

    if (rc)
        return rc;
    if (image.state != INDEX_ADDING)
        rc = -ENOENT;
    if (!rc)
        rc = index_images(s, t, false, note_id, &same);
    for (i = 0; i < same.n && !rc; i++)
        rc = unlist(s, t, same.ids[i]);
    if (!rc)
        rc = list_as(s, t, c, &image);
    index_image_release(&image);
    return rc;
}

/* Objects */

static bool get_object(const struct job *j, uint32_t i,
                       struct index_object *o)
{
    if (!j->source->get(j->source->opaque, i, o))
        return false;
    return o->n_extents || o->size <= INDEX_INLINE_MAX;
}

static int put_objects(struct store *s, MDB_txn *t, void *opaque)
{
    struct job *j = opaque;
    struct index_object o;
    struct buf b = BUF_INIT;
    uint8_t name[8];
    MDB_val key = { sizeof(name), name }, value;
    uint32_t i;
    int rc = 0;

    for (i = j->first; i < j->end && !rc; i++) {
        if (!get_object(j, i, &o))
            continue;
        index_place_put(name, j->image.id, i);
        buf_reset(&b);
        index_encode_object(&b, name, &o);
        value = (MDB_val){ b.length, b.data };
        rc = b.failed ? -ENOMEM :
            store_code(mdb_put(t, store_dbi(s, STORE_OBJECTS), &key, &value,
                               0));
    }
    buf_release(&b);
    return rc;
}

static int delete_objects(struct store *s, MDB_txn *t, void *opaque)
{
    struct job *j = opaque;
    uint8_t name[8];
    MDB_val key = { sizeof(name), name };
    uint32_t i;
    int rc = 0;

    for (i = j->first; i < j->end && !rc; i++) {
        index_place_put(name, j->image.id, i);
        rc = store_code(mdb_del(t, store_dbi(s, STORE_OBJECTS), &key, NULL));
        if (rc == -ENOENT)
            rc = 0;
    }
    return rc;
}

/* Entries */

static void add_entry(struct job *j, uint32_t number,
                      const struct index_object *o)
{
    struct entry *e = &j->entries[j->n_entries];

    memset(e, 0, sizeof(*e));
    e->number = number;
    if (j->table == STORE_HASHES)
        index_hash_key(e->key, o->digest, o->size);
    else if (!*o->path)
        return;
    else if (j->table == STORE_PATHS)
        index_path_key(e->key, o->path, o->stream);
    else if (*o->stream || !index_version_key(e->key, o->path))
        return;
    j->n_entries++;
}

static int collect(struct job *j, uint32_t first, uint32_t end)
{
    struct index_object o;
    MDB_txn *t = NULL;
    uint32_t i;
    int rc = 0;

    j->n_entries = 0;
    if (!j->source) {
        rc = store_read(j->store, &t);
        if (rc)
            return rc;
    }
    for (i = first; i < end && (!rc || rc == -ENOENT); i++) {
        if (j->source) {
            if (get_object(j, i, &o))
                add_entry(j, i, &o);
            continue;
        }
        rc = index_get(j->store, t,
                       (struct index_place){ j->image.id, i }, &o);
        if (!rc) {
            add_entry(j, i, &o);
            index_object_release(&o);
        }
    }
    if (t)
        store_read_end(j->store, t);
    return rc == -ENOENT ? 0 : rc;
}

static int compare_entries(const void *a, const void *b)
{
    return memcmp(((const struct entry *)a)->key,
                  ((const struct entry *)b)->key, INDEX_HASH_KEY);
}

static int change_entries(struct store *s, MDB_txn *t, void *opaque)
{
    struct job *j = opaque;
    MDB_dbi dbi = store_dbi(s, j->table);
    uint8_t place[8];
    uint32_t i;
    int rc = 0;

    for (i = j->first; i < j->end && !rc; i++) {
        struct entry *e = &j->entries[i];
        MDB_val key = { key_length(j->table), e->key };
        MDB_val value = { sizeof(place), place };

        index_place_put(place, j->image.id, e->number);
        if (j->source)
            rc = store_code(mdb_put(t, dbi, &key, &value, 0));
        else
            rc = store_code(mdb_del(t, dbi, &key, &value));
        if (rc == -ENOENT)
            rc = 0;
    }
    return rc;
}

static int in_batches(struct job *j, uint32_t first, uint32_t end,
                      store_body *body)
{
    int rc = 0;

    while (first < end && !rc) {
        j->first = first;
        j->end = end - first < BATCH ? end : first + BATCH;
        first = j->end;
        rc = store_write(j->store, body, j);
    }
    return rc;
}

static int do_table(struct job *j, uint32_t first, uint32_t end)
{
    int rc = collect(j, first, end);

    if (rc)
        return rc;
    qsort(j->entries, j->n_entries, sizeof(*j->entries), compare_entries);
    return in_batches(j, 0, j->n_entries, change_entries);
}

/* Objects before the entries that lead to them, and away after them. */
static int do_chunk(struct job *j, uint32_t first, uint32_t end)
{
    int rc = 0;

    if (j->source)
        rc = in_batches(j, first, end, put_objects);
    for (j->table = STORE_HASHES; j->table <= STORE_VERSIONS && !rc;
         j->table++)
        rc = do_table(j, first, end);
    if (!j->source && !rc)
        rc = in_batches(j, first, end, delete_objects);
    return rc;
}

static int do_image(struct job *j)
{
    uint32_t n = j->image.n_objects, room = n < CHUNK ? n : CHUNK;
    uint64_t first;
    int rc = 0;

    j->entries = calloc(room + 1, sizeof(*j->entries));
    if (!j->entries)
        return -ENOMEM;
    for (first = 0; first < n && !rc; first += CHUNK)
        rc = do_chunk(j, first, n - first < CHUNK ? n : first + CHUNK);
    free(j->entries);
    j->entries = NULL;
    return rc;
}

/* Dropping */

static int delete_image(struct store *s, MDB_txn *t, void *opaque)
{
    const struct job *j = opaque;
    uint8_t name[8];
    MDB_val key = { 4, name };
    int rc;

    index_place_put(name, j->image.id, 0);
    rc = store_code(mdb_del(t, store_dbi(s, STORE_IMAGES), &key, NULL));
    return rc == -ENOENT ? 0 : rc;
}

static int unlist_body(struct store *s, MDB_txn *t, void *opaque)
{
    const struct job *j = opaque;

    return unlist(s, t, j->image.id);
}

int index_drop(struct store *s, uint32_t id)
{
    struct job j = { .store = s };
    MDB_txn *t;
    int rc;

    rc = store_read(s, &t);
    if (rc)
        return rc;
    rc = get_image(s, t, id, &j.image);
    store_read_end(s, t);
    if (rc)
        return rc;
    rc = store_write(s, unlist_body, &j);
    if (!rc)
        rc = do_image(&j);
    if (!rc)
        rc = store_write(s, delete_image, &j);
    index_image_release(&j.image);
    return rc;
}

static int note_unlisted(void *opaque, const struct index_image *i)
{
    return i->state == INDEX_LISTED ? 0 : note_id(opaque, i);
}

int index_clean(struct store *s)
{
    struct same_path same;
    MDB_txn *t;
    unsigned i;
    int rc;

    do {
        same = (struct same_path){ .path = NULL };
        rc = store_read(s, &t);
        if (rc)
            return rc;
        rc = index_images(s, t, true, note_unlisted, &same);
        store_read_end(s, t);
        for (i = 0; i < same.n && !rc; i++)
            rc = index_drop(s, same.ids[i]);
    } while (same.n && !rc);
    return rc;
}

/* Entering */

static void count(struct job *j)
{
    struct index_object o;
    uint32_t i;

    for (i = 0; i < j->source->n; i++)
        if (get_object(j, i, &o)) {
            j->image.n_added++;
            j->image.bytes += o.size;
        }
}

int index_add_unlisted(struct store *s, const char *path,
                       const struct index_source *source, uint32_t *id_r)
{
    struct job j = {
        .store = s,
        .source = source,
        .image = {
            .state = INDEX_ADDING,
            .named = source->named,
            .time = time(NULL),
            .n_objects = source->n,
            .path = strdup(path),
        },
    };
    int rc = j.image.path ? 0 : -ENOMEM;

    if (!rc) {
        count(&j);
        rc = store_write(s, begin_image, &j);
    }
    if (!rc)
        rc = do_image(&j);
    *id_r = j.image.id;
    if (rc)
        log_errno(rc, "%s cannot be entered into the index", path);
    index_image_release(&j.image);
    return rc;
}

int index_list(struct store *s, uint32_t id, const char *path,
               const struct stamp *stamp)
{
    struct complete c = { id, path, stamp };
    int rc = store_write(s, list_image, &c);

    if (!rc)
        rc = index_clean(s);
    if (rc && rc != -ENOENT)
        log_errno(rc, "%s cannot be entered into the index", path);
    return rc;
}

int index_add(struct store *s, const char *path, const struct stamp *stamp,
              const struct index_source *source)
{
    uint32_t id;
    int rc = index_add_unlisted(s, path, source, &id);

    return rc ? rc : index_list(s, id, path, stamp);
}

static bool from_manifest(void *opaque, uint32_t i, struct index_object *o)
{
    const struct manifest *m = opaque;
    const struct object *object = manifest_object(m, i);
    const struct fsparse_file *f = NULL;

    if (object->zero || object->unusable || !object->size)
        return false;
    *o = (struct index_object){ .size = object->size, .path = "",
                                .stream = "" };
    memcpy(o->digest, object->hash, sizeof(o->digest));
    /* The index does not write to extents. */
    o->extents = (struct fsparse_extent *)(uintptr_t)
        object_extents(m, object, &o->n_extents);
    if (object->file != OBJECT_RAW) {
        f = &m->map->files[object->file];
        o->path = f->path;
        o->stream = f->stream;
        o->inline_data = f->inline_data;
        o->public = f->flags & FSPARSE_PUBLIC;
    }
    return o->n_extents || (f && (f->flags & FSPARSE_INLINE));
}

struct index_source index_source_of(const struct manifest *m)
{
    return (struct index_source){
        .n = manifest_count(m),
        .named = true,
        .get = from_manifest,
        .opaque = (void *)(uintptr_t)m,
    };
}

int index_add_manifest(struct store *s, const char *path,
                       const struct stamp *stamp, const struct manifest *m)
{
    struct index_source source = index_source_of(m);

    return manifest_count(m) > UINT32_MAX ? -EFBIG :
        index_add(s, path, stamp, &source);
}
