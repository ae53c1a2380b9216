/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Objects that recipes make; see assembly.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/budget.h"
#include "plugin/match/x86_operands.h"
#include "plugin/target/assembly.h"
#include "plugin/target/place.h"

#define IN_MEMORY (4u << 20)        /* bytes of an object that is not code */
#define COPIES_MAX (1u << 18)       /* noted of a larger one */

/* What is copied. */
struct piece {
    uint64_t logical;               /* in the object */
    uint64_t offset;                /* in the basis */
    uint64_t length;
};

struct assembly {
    const struct batch *batch;
    const struct wire_object *object;
    struct assembly_basis basis;
    struct budget *budget;
    size_t taken;                   /* of it, bytes */
    bool dropped;                   /* nothing is made: it is only read on */

    uint64_t done;                  /* bytes of the object */
    struct piece *pieces;
    size_t n_pieces, room;

    uint8_t *data;                  /* the object, or NULL: it is larger */

    /* Of code: */
    struct x86_operands skeleton;   /* up to where it was joined */
    struct buf operands;
    size_t used;                    /* bytes of them */

    /* Of a larger one: */
    uint8_t *piece;
    struct copy copy;               /* what came goes to its place */
    struct digest copied;           /* of all that was copied */
};

static bool is_in_memory(const struct assembly *a)
{
    return a->basis.code || a->object->size <= IN_MEMORY;
}

static int allocate(struct assembly *a)
{
    size_t most = COPIES_MAX * sizeof(*a->pieces);

    if (is_in_memory(a))
        most = a->object->size + X86_OPERANDS_BEYOND;
    if (a->basis.code)
        most += 2 * PROTO_OPERANDS_AHEAD;
    if ((a->basis.code && a->object->size > ASSEMBLY_CODE_MAX) ||
        !budget_take_spare(a->budget, most)) {
        a->dropped = true;
        return 0;
    }
    a->taken = most;
    if (is_in_memory(a))
        a->data = malloc(a->object->size + X86_OPERANDS_BEYOND);
    else
        a->piece = aligned_alloc(4096, ASSEMBLY_PIECE + 4096);
    return a->data || a->piece ? 0 : -ENOMEM;
}

int assembly_new(struct assembly **a_r, const struct batch *b,
                 const struct wire_object *o,
                 const struct assembly_basis *basis, struct budget *budget)
{
    struct assembly *a = calloc(1, sizeof(*a));
    int rc;

    if (!a)
        return -ENOMEM;
    a->batch = b;
    a->object = o;
    a->basis = *basis;
    a->budget = budget;
    a->skeleton.size = o->size;
    place_copy_begin(&a->copy, b, o);
    digest_init(&a->copied);
    rc = allocate(a);
    if (rc) {
        assembly_free(a);
        return rc;
    }
    *a_r = a;
    return 0;
}

void assembly_free(struct assembly *a)
{
    if (!a)
        return;
    budget_give(a->budget, a->taken);
    buf_release(&a->operands);
    free(a->pieces);
    free(a->piece);
    free(a->data);
    free(a);
}

uint64_t assembly_done(const struct assembly *a)
{
    return a->done;
}

/* Code */

/* Those which are too many are left out: something is wrong then. */
int assembly_take_operands(struct assembly *a, struct cursor *c)
{
    struct buf *b = &a->operands;
    uint64_t count = cursor_varint(c);
    const uint8_t *data;

    if (c->bad || count > cursor_left(c) / X86_OPERAND_BYTES)
        return -EPROTO;
    data = cursor_get(c, count * X86_OPERAND_BYTES);
    if (a->dropped)
        return 0;
    if (a->used > b->length / 2) {
        b->length -= a->used;
        memmove(b->data, b->data + a->used, b->length);
        a->used = 0;
    }
    if (b->length - a->used + count * X86_OPERAND_BYTES <=
        PROTO_OPERANDS_AHEAD)
        buf_put(b, data, count * X86_OPERAND_BYTES);
    return b->failed ? -ENOMEM : 0;
}

/* Joins what there is, but `beyond` bytes, with its operands.  If the file has
 * changed they may be too few: the digest will tell. */
static void join(struct assembly *a, size_t beyond)
{
    const struct buf *b = &a->operands;
    struct cursor c = CURSOR_INIT(b->data, b->length);
    uint64_t at = a->skeleton.offset;

    cursor_get(&c, a->used);
    x86_operands_join(&a->skeleton, a->data + at, a->done - at - beyond, beyond,
                      &c);
    a->used = b->length - cursor_left(&c);
}

static void join_some(struct assembly *a)
{
    if (a->basis.code && a->done - a->skeleton.offset >= ASSEMBLY_PIECE)
        join(a, X86_OPERANDS_BEYOND);
}

/* Content */

int assembly_add(struct assembly *a, const void *data, size_t length)
{
    uint64_t at = a->done;

    a->done += length;
    if (a->dropped)
        return 0;
    if (!a->data)
        return place_copy(&a->copy, data, length, at);
    memcpy(a->data + at, data, length);
    join_some(a);
    return 0;
}

static int note_piece(struct assembly *a, uint64_t offset, uint64_t length)
{
    struct piece *list;
    size_t room;

    if (a->n_pieces == COPIES_MAX) {
        a->dropped = true;
        return 0;
    }
    if (a->n_pieces == a->room) {
        room = a->room ? 2 * a->room : 64;
        list = reallocarray(a->pieces, room, sizeof(*list));
        if (!list)
            return -ENOMEM;
        a->pieces = list;
        a->room = room;
    }
    a->pieces[a->n_pieces++] = (struct piece){ a->done, offset, length };
    return 0;
}

/* Reads up to a piece of the basis, to where it belongs if that is memory. */
static int read_some(struct assembly *a, size_t length, uint64_t offset)
{
    uint8_t *data = a->data ? a->data + a->done : a->piece;
    int rc = a->basis.read(a->basis.opaque, data, length, offset);

    if (!rc && !a->data) {
        digest_update(&a->copy.state, data, length);
        digest_update(&a->copied, data, length);
    }
    return rc;
}

static bool is_bound(const struct assembly_basis *b, uint64_t offset)
{
    return offset == b->size ||
        (offset >= b->head && (offset - b->head) % b->block == 0);
}

int assembly_copy(struct assembly *a, uint64_t offset, uint64_t length)
{
    const struct assembly_basis *b = &a->basis;
    size_t n;
    int rc;

    if (offset > b->size || length > b->size - offset ||
        !is_bound(b, offset) || !is_bound(b, offset + length))
        return -EPROTO;
    rc = a->dropped || (a->data && !b->keep) ? 0 :
        note_piece(a, offset, length);
    for (; length && !rc; length -= n, offset += n) {
        n = length < ASSEMBLY_PIECE ? length : ASSEMBLY_PIECE;
        if (!a->dropped)
            rc = read_some(a, n, offset);
        a->done += n;
        if (!rc && !a->dropped)
            join_some(a);
    }
    return rc;
}

/* The end */

/* The digest of all was right: what is copied is read once more. */
static int place_pieces(struct assembly *a, bool *same_r)
{
    uint8_t before[HASH_BYTES], now[HASH_BYTES];
    uint64_t left, at, offset;
    struct digest state;
    struct copy copy;
    size_t i, n;
    int rc = 0;

    place_copy_begin(&copy, a->batch, a->object);
    digest_init(&state);
    for (i = 0; i < a->n_pieces && !rc; i++) {
        at = a->pieces[i].logical;
        offset = a->pieces[i].offset;
        for (left = a->pieces[i].length; left && !rc; left -= n) {
            n = left < ASSEMBLY_PIECE ? left : ASSEMBLY_PIECE;
            rc = a->basis.read(a->basis.opaque, a->piece, n, offset);
            digest_update(&state, a->piece, n);
            if (!rc)
                rc = place_put(&copy, a->piece, n, at);
            at += n;
            offset += n;
        }
    }
    digest_final(&a->copied, before);
    digest_final(&state, now);
    *same_r = !rc && !memcmp(before, now, HASH_BYTES);
    return rc;
}

static int end_larger(struct assembly *a, const uint8_t *digest, bool *right_r)
{
    int rc, cleared;

    *right_r = place_copy_is(&a->copy, digest);
    if (!*right_r)
        return 0;
    rc = place_pieces(a, right_r);
    if (*right_r)
        return rc;
    cleared = place_clear_object(a->batch, a->object);
    return rc ? rc : cleared;
}

static int end_in_memory(struct assembly *a, const uint8_t *digest,
                         bool *right_r)
{
    const struct piece *p = a->pieces;
    uint8_t hash[HASH_BYTES];
    size_t i;

    if (a->basis.code)
        join(a, 0);
    digest_of(a->data, a->object->size, hash);
    *right_r = !memcmp(hash, digest, PROTO_SHORT_DIGEST);
    for (i = 0; !*right_r && i < a->n_pieces; i++)
        memset(a->data + p[i].logical, 0, p[i].length);
    return *right_r || a->basis.keep ?
        place_put(&a->copy, a->data, a->object->size, 0) : 0;
}

int assembly_end(struct assembly *a, const uint8_t digest[PROTO_SHORT_DIGEST],
                 bool *right_r)
{
    *right_r = false;
    if (a->dropped)
        return 0;
    return a->data ? end_in_memory(a, digest, right_r) :
        end_larger(a, digest, right_r);
}
