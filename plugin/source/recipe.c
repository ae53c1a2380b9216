/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recipes, the source's part; see recipe.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/digest.h"
#include "plugin/match/rolling.h"
#include "plugin/match/x86_operands.h"
#include "plugin/proto.h"
#include "plugin/source/output.h"
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

/* The objects of an UNKNOWN. */
struct naming {
    const struct source_disk *disk;
    uint32_t count;
    uint64_t numbers[PROTO_NAMES_MAX];
    uint32_t proofs[PROTO_NAMES_MAX][PROTO_SHOWN_VALUES];
};

static int take_unknown(const struct source_disk *d, const struct frame *f,
                        struct naming *n)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    uint64_t number = 0;
    uint32_t i;

    n->disk = d;
    n->count = cursor_u32(&c);
    if (c.bad || n->count == 0 || n->count > PROTO_NAMES_MAX)
        return -EPROTO;
    for (i = 0; i < n->count; i++) {
        number += cursor_zigzag(&c);
        if (c.bad || number >= object_table_count(d->objects))
            return -EPROTO;
        n->numbers[i] = number;
    }
    return cursor_left(&c) > 0 ? -EPROTO : 0;
}

static int add_to_proof(void *opaque, const void *data, size_t length,
                        uint64_t logical)
{
    (void)logical;
    resemblance_add(opaque, data, length);
    return 0;
}

static int prove(void *opaque, uint64_t i)
{
    struct naming *n = opaque;
    const struct source_disk *d = n->disk;
    struct resemblance a;
    int rc = 0;

    if (!*name_of(d, n->numbers[i]))
        return 0;
    resemblance_init(&a, d->proof_key);
    rc = object_read(d->manifest, source_object(d, n->numbers[i]),
                     add_to_proof, &a);
    resemblance_end(&a, n->proofs[i]);
    return rc;
}

static int send_names(const struct session *s, const struct naming *n)
{
    const char *name, *previous = "";
    struct buf b = BUF_INIT;
    uint32_t i, k;
    int rc;

    buf_put_u32(&b, n->count);
    for (i = 0; i < n->count; i++) {
        name = name_of(n->disk, n->numbers[i]);
        put_name(&b, name, previous);
        previous = name;
        for (k = 0; n->disk->proves && *name && k < PROTO_SHOWN_VALUES; k++)
            buf_put_u32(&b, n->proofs[i][k]);
    }
    rc = wire_send_buf(s->wire, FRAME_NAMES, n->disk->number, &b);
    buf_release(&b);
    return rc;
}

int recipe_send_names(const struct session *s, const struct source_disk *d,
                      const struct frame *f)
{
    struct naming *n = calloc(1, sizeof(*n));
    int rc = n ? take_unknown(d, f, n) : -ENOMEM;

    if (!rc && d->proves)
        rc = threadpool_run(s->pool, prove, n, 0, n->count);
    if (!rc)
        rc = send_names(s, n);
    free(n);
    return rc;
}

/* Signatures */

int recipe_parse_signature(struct cursor *c, uint64_t *number,
                           struct signature **signature_r)
{
    struct block_signature s = { .hashes = NULL };
    const uint8_t *key;
    struct signature *a;
    uint64_t block;
    size_t bytes;
    bool code;

    *number += cursor_zigzag(c);
    key = cursor_get(c, PROTO_SIGNATURE_KEY);
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
    if (block_signature_count(&s) > PROTO_SIGNATURE_BLOCKS)
        return -EPROTO;
    bytes = block_signature_count(&s) * s.width;
    s.hashes = cursor_get(c, bytes);
    if (!s.hashes)
        return -EPROTO;
    a = malloc(sizeof(*a) + bytes);
    if (!a)
        return -ENOMEM;
    memcpy(a->hashes, s.hashes, bytes);
    a->blocks = s;
    a->blocks.hashes = a->hashes;
    a->code = code;
    rolling_init(&a->rolling, key);
    *signature_r = a;
    return 0;
}

/* Recipes */

struct recipe {
    const struct session *session;
    struct source_disk *disk;
    uint64_t number;
    struct buf frame;
    struct buf records;         /* for it */
    struct matcher *matcher;
    const struct held_blocks *held;     /* instead of a matcher */
    struct digest state;
    uint64_t copy_from;         /* a copy that may still grow */
    uint64_t copy_length;
    uint64_t copy_end;          /* of the last one that was put */

    /* If the object goes as code whose operands were taken out: */
    uint8_t *piece;             /* else NULL */
    size_t kept;                /* bytes in it */
    struct x86_operands skeleton;
    struct buf operands;        /* for the frame */
};

static int begin_frame(struct recipe *r)
{
    buf_reset(&r->frame);
    buf_put_u64(&r->frame, r->number | (r->piece ? PROTO_CODE : 0));
    return r->frame.failed ? -ENOMEM : 0;
}

static int flush(struct recipe *r)
{
    int rc = begin_frame(r);

    if (!rc && (r->records.failed || r->operands.failed))
        rc = -ENOMEM;
    if (rc)
        return rc;
    if (r->piece)
        buf_put_varint(&r->frame, r->operands.length / X86_OPERAND_BYTES);
    buf_put(&r->frame, r->operands.data, r->operands.length);
    buf_put(&r->frame, r->records.data, r->records.length);
    buf_reset(&r->operands);
    buf_reset(&r->records);
    return output_freight(r->session, r->disk, FRAME_RECIPE, &r->frame);
}

static int flush_if_full(struct recipe *r)
{
    return r->records.length + r->operands.length > FRAME_BYTES ?
        flush(r) : 0;
}

static void put_copy(struct recipe *r)
{
    if (r->copy_length == 0)
        return;
    buf_put_varint(&r->records, r->copy_length << 1 | 1);
    buf_put_zigzag(&r->records, (int64_t)(r->copy_from - r->copy_end));
    r->copy_end = r->copy_from + r->copy_length;
    r->copy_length = 0;
}

static int take_copy(void *opaque, uint64_t offset, uint64_t length)
{
    struct recipe *r = opaque;

    if (r->copy_length > 0 && r->copy_from + r->copy_length == offset) {
        r->copy_length += length;
        return 0;
    }
    put_copy(r);
    r->copy_from = offset;
    r->copy_length = length;
    return flush_if_full(r);
}

static int take_literal(void *opaque, const uint8_t *data, size_t length)
{
    struct recipe *r = opaque;

    put_copy(r);
    buf_put_varint(&r->records, (uint64_t)length << 1);
    buf_put(&r->records, data, length);
    r->disk->bytes_sent += length;
    r->disk->bytes_wanted += length;
    return flush_if_full(r);
}

/* Takes apart what there is, but `beyond` bytes, and looks for it. */
static int take_code(struct recipe *r, size_t beyond)
{
    size_t n = r->kept - beyond;
    int rc;

    x86_operands_split(&r->skeleton, r->piece, n, beyond, &r->operands);
    /* operands come before what they belong to */
    rc = flush_if_full(r);
    if (!rc)
        rc = matcher_feed(r->matcher, r->piece, n);
    memmove(r->piece, r->piece + n, beyond);
    r->kept = beyond;
    return rc;
}

static int take_content(void *opaque, const void *data, size_t length,
                        uint64_t logical)
{
    struct recipe *r = opaque;
    const uint8_t *p = data;
    size_t n;
    int rc = 0;

    (void)logical;
    digest_update(&r->state, data, length);
    if (!r->piece)
        return matcher_feed(r->matcher, data, length);
    for (; length > 0 && !rc; p += n, length -= n) {
        n = length < CODE_BYTES - r->kept ? length : CODE_BYTES - r->kept;
        memcpy(r->piece + r->kept, p, n);
        r->kept += n;
        if (r->kept == CODE_BYTES)
            rc = take_code(r, X86_OPERANDS_BEYOND);
    }
    return rc;
}

static int end_content(struct recipe *r)
{
    int rc = r->piece ? take_code(r, 0) : 0;

    if (!rc && r->matcher)
        rc = matcher_end(r->matcher);
    return rc;
}

static int put_end(struct recipe *r)
{
    uint8_t hash[HASH_BYTES];

    put_copy(r);
    digest_final(&r->state, hash);
    buf_put_varint(&r->records, 0);
    buf_put(&r->records, hash, PROTO_SHORT_DIGEST);
    return flush(r);
}

/* The target of a dry run hears only that this recipe is done. */
static int say_done(struct recipe *r)
{
    int rc = begin_frame(r);

    return rc ? rc : wire_send_buf(r->session->wire, FRAME_RECIPE,
                                   r->disk->number, &r->frame);
}

/* Whether the target has what lies at this place, and how far that goes. */
static bool is_held(const struct held_blocks *a, uint64_t at, uint64_t *end_r)
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

static int take_with_held(void *opaque, const void *data, size_t length,
                        uint64_t logical)
{
    struct recipe *r = opaque;
    const uint8_t *p = data;
    uint64_t end;
    size_t n;
    bool held;
    int rc = 0;

    digest_update(&r->state, data, length);
    for (; length > 0 && !rc; p += n, logical += n, length -= n) {
        held = is_held(r->held, logical, &end);
        n = end - logical < length ? end - logical : length;
        rc = held ? take_copy(r, logical, n) : take_literal(r, p, n);
    }
    return rc;
}

static int send_recipe(struct recipe *r, object_sink *sink)
{
    const struct object *o = source_object(r->disk, r->number);
    int rc;

    digest_init(&r->state);
    rc = object_read(r->disk->manifest, o, sink, r);
    if (!rc)
        rc = end_content(r);
    if (!rc)
        rc = put_end(r);
    if (!rc && source_is_dry(r->disk))
        rc = say_done(r);
    buf_release(&r->frame);
    buf_release(&r->records);
    buf_release(&r->operands);
    return rc;
}

int recipe_send(const struct session *s, struct source_disk *d,
                uint64_t number, const struct signature *a)
{
    struct recipe r = { .session = s, .disk = d, .number = number,
                        .skeleton.size = source_object(d, number)->size };
    struct matcher_sink sink = { take_literal, take_copy, &r };
    int rc = 0;

    if (a->code) {
        r.piece = malloc(CODE_BYTES);
        rc = r.piece ? 0 : -ENOMEM;
    }
    if (!rc)
        rc = matcher_new(&r.matcher, &a->rolling, &a->blocks, &sink);
    if (!rc) {
        rc = send_recipe(&r, take_content);
        matcher_free(r.matcher);
    }
    free(r.piece);
    return rc;
}

int recipe_send_from_held(const struct session *s, struct source_disk *d,
                          uint64_t number, const struct held_blocks *held)
{
    struct recipe r = { .session = s, .disk = d, .number = number,
                        .held = held };

    return send_recipe(&r, take_with_held);
}
