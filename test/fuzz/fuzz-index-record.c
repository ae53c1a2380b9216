/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of the index (plugin/index/index_record.h): whatever lies there is
 * refused or makes sense, and what makes sense is written again as it was read.
 *
 * Input: u8 (bit 0: of an object, not an image; bit 1: the check at the end is
 * the input's own), u32 id, u32 number, and the value.
 */
#include "config.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "plugin/index/index_record.h"
#include "test/fuzz/fuzz.h"

#define CHECK 8

/* Else no change of a value would come past the check, which is against
 * accidents only.  As index_record.c has it. */
static void put_check(struct buf *b, const char *table, const uint8_t *key,
                      size_t key_length)
{
    uint8_t secret[crypto_shorthash_KEYBYTES] = { 0 };
    uint8_t of_key[CHECK], of_value[CHECK];
    size_t i;

    memcpy(secret, table, strlen(table));
    crypto_shorthash(of_key, key, key_length, secret);
    crypto_shorthash(of_value, b->data, b->length, secret);
    for (i = 0; i < CHECK; i++)
        of_key[i] += 3 * of_value[i];
    buf_put(b, of_key, CHECK);
}

static void check_image(const struct index_image *i, const struct buf *value)
{
    struct index_image again;
    struct buf b = BUF_INIT;

    index_encode_image(&b, i);
    FUZZ_CHECK(!b.failed && b.length <= value->length);
    FUZZ_CHECK(!index_decode_image(&again, i->id, b.data, b.length));
    FUZZ_CHECK(again.state == i->state && again.named == i->named &&
               again.n_objects == i->n_objects && again.bytes == i->bytes &&
               again.n_added == i->n_added && again.time == i->time &&
               again.stamp.size == i->stamp.size &&
               !strcmp(again.path, i->path));
    index_image_release(&again);
    buf_release(&b);
}

static void check_extents(const struct index_object *o)
{
    uint64_t logical = 0;
    size_t i;

    for (i = 0; i < o->n_extents; i++) {
        const struct fsparse_extent *e = &o->extents[i];

        FUZZ_CHECK(e->length && e->logical >= logical &&
                   e->logical <= o->size && e->length <= o->size - e->logical);
        FUZZ_CHECK(e->physical <= UINT64_MAX - e->length);
        logical = e->logical + e->length;
    }
}

static void check_object(const struct index_object *o, const uint8_t key[8])
{
    struct index_object again;
    struct buf b = BUF_INIT;

    check_extents(o);
    index_encode_object(&b, key, o);
    FUZZ_CHECK(!b.failed);
    FUZZ_CHECK(!index_decode_object(&again, key, b.data, b.length));
    FUZZ_CHECK(again.size == o->size && again.n_extents == o->n_extents &&
               !strcmp(again.path, o->path) &&
               !strcmp(again.stream, o->stream));
    FUZZ_CHECK(!o->n_extents ||
               !memcmp(again.extents, o->extents,
                       o->n_extents * sizeof(*o->extents)));
    FUZZ_CHECK(o->n_extents || !o->size ||
               !memcmp(again.inline_data, o->inline_data, o->size));
    index_object_release(&again);
    buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };
    uint8_t how = fuzz_u8(&in), key[8];
    uint32_t id = fuzz_u32(&in), number = fuzz_u32(&in);
    uint8_t version[INDEX_NAME_KEY];
    struct index_object o;
    struct index_image i;
    struct buf b = BUF_INIT;

    index_place_put(key, id, number);
    buf_put(&b, in.next, in.left);
    if (!(how & 2))
        put_check(&b, how & 1 ? "xl-dedup object" : "xl-dedup images", key,
                  how & 1 ? 8 : 4);
    if (how & 1) {
        if (!index_decode_object(&o, key, b.data, b.length)) {
            check_object(&o, key);
            index_version_key(version, o.path);
            index_object_release(&o);
        }
    } else if (!index_decode_image(&i, id, b.data, b.length)) {
        check_image(&i, &b);
        index_image_release(&i);
    }
    buf_release(&b);
    return 0;
}
