/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recipes, the source's part; see recipe.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/digest.h"
#include "plugin/match/x86_operands.h"
#include "plugin/proto.h"
#include "plugin/source/recipe.h"

#define FRAME_BYTES (512u << 10)    /* of a RECIPE frame, about */
#define CODE_BYTES (256u << 10)     /* taken apart at once */

/* Names */

static const char *name_of(const struct source_disk *d, uint64_t number)
{
    const struct object *o = source_object(d, number);
    const struct fsparse_file *f;

    if (o->file == OBJECT_RAW)
        return "";
    f = &d->manifest->map->files[o->file];
    return *f->stream || strlen(f->path) > PROTO_NAME_MAX ? "" : f->path;
}

static void put_name(struct buf *b, const char *name, const char *previous)
{
    size_t shared = 0;

    while (name[shared] && name[shared] == previous[shared])
        shared++;
    buf_put_varint(b, shared);
    buf_put_varint(b, strlen(name + shared));
    buf_put(b, name + shared, strlen(name + shared));
}

int recipe_names(const struct session *s, const struct source_disk *d,
                 const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    uint32_t count = cursor_u32(&c), i;
    const char *name, *previous = "";
    struct buf b = BUF_INIT;
    uint64_t number = 0;
    int rc = 0;

    if (c.bad || count == 0 || count > PROTO_NAMES_MAX)
        return -EPROTO;
    buf_put_u32(&b, count);
    for (i = 0; i < count && !rc; i++) {
        number += cursor_zigzag(&c);
        if (c.bad || number >= d->n_listed) {
            rc = -EPROTO;
            break;
        }
        name = name_of(d, number);
        put_name(&b, name, previous);
        previous = name;
    }
    if (!rc)
        rc = cursor_left(&c) > 0 ? -EPROTO :
            wire_send_buf(s->wire, FRAME_NAMES, d->number, &b);
    buf_release(&b);
    return rc;
}

/* Sketches */

int recipe_take_sketch(struct cursor *c, const uint8_t *key,
                       uint64_t *number, struct asked **a_r)
{
    struct sketch s = { .hashes = NULL };
    struct asked *a;
    uint64_t block;
    size_t bytes;
    bool code;

    *number += cursor_zigzag(c);
    s.size = cursor_varint(c);
    block = cursor_varint(c);
    s.width = cursor_u8(c);
    code = s.width & PROTO_SIGNATURE_CODE;
    s.width &= ~PROTO_SIGNATURE_CODE;
    if (c->bad || s.size == 0 || s.size > PROTO_DISK_BYTES_MAX ||
        block < PROTO_SIGNATURE_BLOCK_MIN ||
        block > PROTO_SIGNATURE_BLOCK_MAX ||
        s.width == 0 || s.width > 8)
        return -EPROTO;
    s.block = block;
    if (sketch_blocks(&s) > PROTO_SIGNATURE_BLOCKS)
        return -EPROTO;
    bytes = sketch_blocks(&s) * s.width;
    s.hashes = cursor_get(c, bytes);
    if (!s.hashes)
        return -EPROTO;
    a = malloc(sizeof(*a) + bytes);
    if (!a)
        return -ENOMEM;
    memcpy(a->hashes, s.hashes, bytes);
    a->sketch = s;
    a->sketch.hashes = a->hashes;
    a->code = code;
    rolling_init(&a->rolling, key);
    *a_r = a;
    return 0;
}

/* Recipes */

struct cook {
    const struct session *session;
    struct source_disk *disk;
    uint64_t number;
    struct buf frame;
    struct buf records;         /* for it */
    struct matcher *matcher;
    const struct lack *lack;    /* instead of a matcher */
    struct digest state;
    uint64_t copy_from;         /* a copy that may still grow */
    uint64_t copy_length;
    uint64_t copy_end;          /* of the last one that was put */

    /* If the object is to be made as a skeleton. */
    uint8_t *piece;             /* else NULL */
    size_t kept;                /* bytes in it */
    struct x86_operands skeleton;
    struct buf operands;        /* for the frame */
};

static int begin_frame(struct cook *k)
{
    buf_reset(&k->frame);
    buf_put_u64(&k->frame, k->number | (k->piece ? PROTO_CODE : 0));
    return k->frame.failed ? -ENOMEM : 0;
}

static int flush(struct cook *k)
{
    int rc = begin_frame(k);

    if (!rc && (k->records.failed || k->operands.failed))
        rc = -ENOMEM;
    if (rc)
        return rc;
    if (k->piece)
        buf_put_varint(&k->frame, k->operands.length / X86_OPERAND_BYTES);
    buf_put(&k->frame, k->operands.data, k->operands.length);
    buf_put(&k->frame, k->records.data, k->records.length);
    buf_reset(&k->operands);
    buf_reset(&k->records);
    return rehearse_freight(k->session, k->disk, FRAME_RECIPE, &k->frame);
}

static int flush_if_full(struct cook *k)
{
    return k->records.length + k->operands.length > FRAME_BYTES ?
        flush(k) : 0;
}

static void put_copy(struct cook *k)
{
    if (k->copy_length == 0)
        return;
    buf_put_varint(&k->records, k->copy_length << 1 | 1);
    buf_put_zigzag(&k->records, (int64_t)(k->copy_from - k->copy_end));
    k->copy_end = k->copy_from + k->copy_length;
    k->copy_length = 0;
}

static int take_copy(void *opaque, uint64_t offset, uint64_t length)
{
    struct cook *k = opaque;

    if (k->copy_length > 0 && k->copy_from + k->copy_length == offset) {
        k->copy_length += length;
        return 0;
    }
    put_copy(k);
    k->copy_from = offset;
    k->copy_length = length;
    return flush_if_full(k);
}

static int take_literal(void *opaque, const uint8_t *data, size_t length)
{
    struct cook *k = opaque;

    put_copy(k);
    buf_put_varint(&k->records, (uint64_t)length << 1);
    buf_put(&k->records, data, length);
    k->disk->bytes_sent += length;
    k->disk->bytes_wanted += length;
    return flush_if_full(k);
}

/* Takes apart what there is, but `beyond` bytes, and looks for it. */
static int take_code(struct cook *k, size_t beyond)
{
    size_t n = k->kept - beyond;
    int rc;

    x86_operands_split(&k->skeleton, k->piece, n, beyond, &k->operands);
    /* operands come before what they belong to */
    rc = flush_if_full(k);
    if (!rc)
        rc = matcher_feed(k->matcher, k->piece, n);
    memmove(k->piece, k->piece + n, beyond);
    k->kept = beyond;
    return rc;
}

static int take_content(void *opaque, const void *data, size_t length,
                        uint64_t logical)
{
    struct cook *k = opaque;
    const uint8_t *p = data;
    size_t n;
    int rc = 0;

    (void)logical;
    digest_update(&k->state, data, length);
    if (!k->piece)
        return matcher_feed(k->matcher, data, length);
    for (; length > 0 && !rc; p += n, length -= n) {
        n = length < CODE_BYTES - k->kept ? length : CODE_BYTES - k->kept;
        memcpy(k->piece + k->kept, p, n);
        k->kept += n;
        if (k->kept == CODE_BYTES)
            rc = take_code(k, X86_OPERANDS_BEYOND);
    }
    return rc;
}

static int end_content(struct cook *k)
{
    int rc = k->piece ? take_code(k, 0) : 0;

    if (!rc && k->matcher)
        rc = matcher_end(k->matcher);
    return rc;
}

static int put_end(struct cook *k)
{
    uint8_t hash[HASH_BYTES];

    put_copy(k);
    digest_final(&k->state, hash);
    buf_put_varint(&k->records, 0);
    buf_put(&k->records, hash, PROTO_SHORT_DIGEST);
    return flush(k);
}

/* Of a dry run the target hears only that this one is done. */
static int say_cooked(struct cook *k)
{
    int rc = begin_frame(k);

    return rc ? rc : wire_send_buf(k->session->wire, FRAME_RECIPE,
                                   k->disk->number, &k->frame);
}

/* Whether the target has what lies at this place, and how far that goes. */
static bool is_held(const struct lack *a, uint64_t at, uint64_t *end_r)
{
    uint64_t i;
    bool held;

    *end_r = a->n_blocks > 0 ? a->head : UINT64_MAX;
    if (at < *end_r)
        return false;
    i = (at - a->head) / PROTO_BLOCK;
    held = i < a->n_blocks && a->held[i];
    while (i < a->n_blocks && a->held[i] == held)
        i++;
    *end_r = i < a->n_blocks || held ?
        a->head + i * PROTO_BLOCK : UINT64_MAX;
    return held;
}

static int take_lacking(void *opaque, const void *data, size_t length,
                        uint64_t logical)
{
    struct cook *k = opaque;
    const uint8_t *p = data;
    uint64_t end;
    size_t n;
    bool held;
    int rc = 0;

    digest_update(&k->state, data, length);
    for (; length > 0 && !rc; p += n, logical += n, length -= n) {
        held = is_held(k->lack, logical, &end);
        n = end - logical < length ? end - logical : length;
        rc = held ? take_copy(k, logical, n) : take_literal(k, p, n);
    }
    return rc;
}

static int send_recipe(struct cook *k, object_sink *sink)
{
    const struct object *o = source_object(k->disk, k->number);
    int rc;

    digest_init(&k->state);
    rc = object_read(k->disk->manifest, o, sink, k);
    if (!rc)
        rc = end_content(k);
    if (!rc)
        rc = put_end(k);
    if (!rc && k->disk->dry)
        rc = say_cooked(k);
    buf_release(&k->frame);
    buf_release(&k->records);
    buf_release(&k->operands);
    return rc;
}

int recipe_send(const struct session *s, struct source_disk *d, uint64_t number,
                const struct asked *a)
{
    struct cook k = { .session = s, .disk = d, .number = number,
                      .skeleton.size = source_object(d, number)->size };
    struct matcher_sink sink = { take_literal, take_copy, &k };
    int rc = 0;

    if (a->code) {
        k.piece = malloc(CODE_BYTES);
        rc = k.piece ? 0 : -ENOMEM;
    }
    if (!rc)
        rc = matcher_new(&k.matcher, &a->rolling, &a->sketch, &sink);
    if (!rc) {
        rc = send_recipe(&k, take_content);
        matcher_free(k.matcher);
    }
    free(k.piece);
    return rc;
}

int recipe_send_lacking(const struct session *s, struct source_disk *d,
                        uint64_t number, const struct lack *lack)
{
    struct cook k = { .session = s, .disk = d, .number = number, .lack = lack };

    return send_recipe(&k, take_lacking);
}
