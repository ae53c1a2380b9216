/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys and values of the index; see index_record.h.
 *
 * Values are read as untrusted bytes.  The check at their end is against
 * accidents, not against anybody: whoever can write here is root.
 */
#include "config.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/buf.h"
#include "plugin/index/index_record.h"
#include "plugin/index/store.h"

#define CHECK 8
#define FLAG_BLOCK 1u
#define FLAG_NAMED 2u
#define FLAG_PUBLIC 1u              /* of an object */
#define EXTENT_LEAST 3u             /* bytes of an extent's record */

static void put_be32(uint8_t *p, uint32_t v)
{
    p[0] = v >> 24;
    p[1] = v >> 16;
    p[2] = v >> 8;
    p[3] = v;
}

static uint32_t get_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
        (uint32_t)p[2] << 8 | p[3];
}

void index_place_put(uint8_t value[8], uint32_t id, uint32_t number)
{
    put_be32(value, id);
    put_be32(value + 4, number);
}

struct index_place index_place_get(const uint8_t value[8])
{
    return (struct index_place){ get_be32(value), get_be32(value + 4) };
}

void index_hash_key(uint8_t key[INDEX_HASH_KEY], const uint8_t *digest,
                    uint64_t size)
{
    memcpy(key, digest, PROTO_SHORT_DIGEST);
    put_be32(key + PROTO_SHORT_DIGEST, size >> 32);
    put_be32(key + PROTO_SHORT_DIGEST + 4, size);
}

void index_path_key(uint8_t key[INDEX_NAME_KEY], const char *path,
                    const char *stream)
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, INDEX_NAME_KEY);
    crypto_generichash_update(&state, (const uint8_t *)path,
                              strlen(path) + 1);
    crypto_generichash_update(&state, (const uint8_t *)stream,
                              strlen(stream));
    crypto_generichash_final(&state, key, INDEX_NAME_KEY);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool index_version_key(uint8_t key[INDEX_NAME_KEY], const char *path)
{
    crypto_generichash_state state;
    const char *p, *end;

    if (!path[strcspn(path, "0123456789")])
        return false;
    crypto_generichash_init(&state, NULL, 0, INDEX_NAME_KEY);
    for (p = path; *p; p = end) {
        end = p + strcspn(p, "0123456789");
        crypto_generichash_update(&state, (const uint8_t *)p, end - p);
        if (!*end)
            break;
        crypto_generichash_update(&state, (const uint8_t *)"#", 1);
        while (is_digit(*end))
            end++;
    }
    crypto_generichash_final(&state, key, INDEX_NAME_KEY);
    return true;
}

static void check_of(uint8_t check[CHECK], enum store_table table,
                     const void *key, size_t key_length, const void *value,
                     size_t length)
{
    static const uint8_t keys[STORE_TABLES][crypto_shorthash_KEYBYTES] = {
        [STORE_IMAGES] = "xl-dedup images",
        [STORE_OBJECTS] = "xl-dedup object",
    };
    uint8_t of_key[CHECK], of_value[CHECK];
    size_t i;

    crypto_shorthash(of_key, key, key_length, keys[table]);
    crypto_shorthash(of_value, value, length, keys[table]);
    for (i = 0; i < CHECK; i++)
        of_key[i] += 3 * of_value[i];
    memcpy(check, of_key, CHECK);
}

static void put_check(struct buf *b, enum store_table table, const void *key,
                      size_t key_length)
{
    uint8_t check[CHECK];

    check_of(check, table, key, key_length, b->data, b->length);
    buf_put(b, check, CHECK);
}

static bool is_good(enum store_table table, const void *key,
                    size_t key_length, const void *value, size_t length)
{
    uint8_t check[CHECK];

    if (length < CHECK)
        return false;
    check_of(check, table, key, key_length, value, length - CHECK);
    return !memcmp(check, (const uint8_t *)value + length - CHECK, CHECK);
}

void index_encode_image(struct buf *b, const struct index_image *i)
{
    uint8_t key[4];

    put_be32(key, i->id);
    buf_put_u8(b, i->state);
    buf_put_u8(b, (i->stamp.block ? FLAG_BLOCK : 0) |
                  (i->named ? FLAG_NAMED : 0));
    buf_put_u64(b, i->stamp.size);
    buf_put_u64(b, i->stamp.ino);
    buf_put_u64(b, i->stamp.mtime_ns);
    buf_put_u64(b, i->stamp.ctime_ns);
    buf_put_u64(b, i->stamp.diskseq);
    buf_put_u64(b, i->stamp.written);
    buf_put(b, i->stamp.boot, STAMP_BOOT);
    buf_put_u64(b, i->time);
    buf_put_u64(b, i->n_objects);
    buf_put_u64(b, i->n_added);
    buf_put_u64(b, i->bytes);
    buf_put(b, i->path, strlen(i->path) + 1);
    put_check(b, STORE_IMAGES, key, sizeof(key));
}

int index_decode_image(struct index_image *i, uint32_t id, const void *value,
                       size_t length)
{
    struct cursor c = CURSOR_INIT(value, length);
    const uint8_t *boot;
    uint8_t key[4], flags;

    put_be32(key, id);
    *i = (struct index_image){ .id = id };
    if (!is_good(STORE_IMAGES, key, sizeof(key), value, length))
        return -EUCLEAN;
    c.end -= CHECK;
    i->state = cursor_u8(&c);
    flags = cursor_u8(&c);
    i->stamp.block = flags & FLAG_BLOCK;
    i->named = flags & FLAG_NAMED;
    i->stamp.size = cursor_u64(&c);
    i->stamp.ino = cursor_u64(&c);
    i->stamp.mtime_ns = cursor_u64(&c);
    i->stamp.ctime_ns = cursor_u64(&c);
    i->stamp.diskseq = cursor_u64(&c);
    i->stamp.written = cursor_u64(&c);
    boot = cursor_get(&c, STAMP_BOOT);
    if (boot)
        memcpy(i->stamp.boot, boot, STAMP_BOOT);
    i->time = cursor_u64(&c);
    i->n_objects = cursor_u64(&c);
    i->n_added = cursor_u64(&c);
    i->bytes = cursor_u64(&c);
    /* A path, and its NUL. */
    if (c.bad || cursor_left(&c) < 2 ||
        memchr(c.p, '\0', cursor_left(&c)) != c.end - 1)
        return -EUCLEAN;
    i->path = strdup((const char *)c.p);
    return i->path ? 0 : -ENOMEM;
}

static void put_extents(struct buf *b, const struct index_object *o)
{
    uint64_t logical = 0, physical = 0;
    size_t i;

    for (i = 0; i < o->n_extents; i++) {
        buf_put_varint(b, o->extents[i].logical - logical);
        buf_put_zigzag(b, (int64_t)(o->extents[i].physical - physical));
        buf_put_varint(b, o->extents[i].length);
        logical = o->extents[i].logical + o->extents[i].length;
        physical = o->extents[i].physical + o->extents[i].length;
    }
}

void index_encode_object(struct buf *b, const uint8_t key[8],
                         const struct index_object *o)
{
    buf_put(b, o->digest, PROTO_SHORT_DIGEST);
    buf_put_varint(b, o->size);
    buf_put_varint(b, o->n_extents);
    put_extents(b, o);
    if (!o->n_extents)
        buf_put(b, o->inline_data, o->size);
    buf_put(b, o->path, strlen(o->path) + 1);
    buf_put(b, o->stream, strlen(o->stream) + 1);
    buf_put_u8(b, o->public ? FLAG_PUBLIC : 0);
    put_check(b, STORE_OBJECTS, key, 8);
}

static int get_extents(struct index_object *o, struct cursor *c)
{
    struct fsparse_extent *e = o->extents;
    uint64_t logical = 0, physical = 0;

    for (; e < o->extents + o->n_extents; e++) {
        e->logical = logical + cursor_varint(c);
        e->physical = physical + (uint64_t)cursor_zigzag(c);
        e->length = cursor_varint(c);
        if (c->bad || e->logical < logical || !e->length ||
            e->logical > o->size || e->length > o->size - e->logical ||
            e->physical > UINT64_MAX - e->length)
            return -EUCLEAN;
        logical = e->logical + e->length;
        physical = e->physical + e->length;
    }
    return 0;
}

/* The strings' end in memory of the object's own. */
static int get_rest(struct index_object *o, struct cursor *c, uint8_t *copy)
{
    size_t left;
    const char *end;

    if (!o->n_extents) {
        o->inline_data = copy;
        copy += o->size;
        if (!cursor_get(c, o->size))
            return -EUCLEAN;
    }
    o->path = (const char *)copy;
    left = cursor_left(c);
    end = memchr(copy, '\0', left);
    if (!end)
        return -EUCLEAN;
    o->stream = end + 1;
    left -= (size_t)(o->stream - o->path);
    end = memchr(o->stream, '\0', left);
    if (!end)
        return -EUCLEAN;
    left -= (size_t)(end + 1 - o->stream);
    if (left != 1)
        return -EUCLEAN;
    o->public = end[1] & FLAG_PUBLIC;
    return 0;
}

int index_decode_object(struct index_object *o, const uint8_t key[8],
                        const void *value, size_t length)
{
    struct cursor c = CURSOR_INIT(value, length);
    const uint8_t *digest;
    uint8_t *memory;
    size_t rest;
    int rc;

    memset(o, 0, sizeof(*o));
    if (!is_good(STORE_OBJECTS, key, 8, value, length))
        return -EUCLEAN;
    c.end -= CHECK;
    digest = cursor_get(&c, PROTO_SHORT_DIGEST);
    o->size = cursor_varint(&c);
    o->n_extents = cursor_varint(&c);
    if (c.bad || o->n_extents > cursor_left(&c) / EXTENT_LEAST ||
        (!o->n_extents && o->size > cursor_left(&c)))
        return -EUCLEAN;
    memcpy(o->digest, digest, PROTO_SHORT_DIGEST);
    memory = malloc(o->n_extents * sizeof(*o->extents) + cursor_left(&c));
    if (!memory)
        return -ENOMEM;
    o->extents = (struct fsparse_extent *)(void *)memory;
    rc = get_extents(o, &c);
    rest = cursor_left(&c);
    memory += o->n_extents * sizeof(*o->extents);
    memcpy(memory, c.p, rest);
    if (!rc)
        rc = get_rest(o, &c, memory);
    if (rc)
        index_object_release(o);
    return rc;
}

void index_object_release(struct index_object *o)
{
    free(o->extents);
    memset(o, 0, sizeof(*o));
}

void index_image_release(struct index_image *i)
{
    free(i->path);
    memset(i, 0, sizeof(*i));
}
