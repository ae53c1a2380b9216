/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files as sketches show them; see sketched.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/proto.h"
#include "plugin/sketched.h"
#include "plugin/x86code.h"

#define HEAD 4096u              /* tells what a file is */

void sketched_init(struct sketched *s, const struct holding *h,
                   uint64_t wanted)
{
    *s = (struct sketched){ .held = *h, .shape.size = h->size };
    sketch_shape(&s->shape, wanted);
}

void sketched_release(struct sketched *s)
{
    holding_release(&s->held);
    free(s->skips);
}

size_t sketched_cost(const struct sketched *s)
{
    return s->shape.width * sketch_blocks(&s->shape);
}

/* Something is wrong in what cannot be read: a digest will tell. */
static void read_held(const struct sketched *s, void *data, size_t length,
                      uint64_t offset)
{
    if (holding_read(&s->held, data, length, offset))
        memset(data, 0, length);
}

/* Reads a piece; of code its skeleton, which begins as *skip tells, and
 * *skip is then how it goes on. */
static void read_piece(const struct sketched *s, uint8_t *data,
                       size_t length, uint64_t offset, unsigned *skip)
{
    uint64_t behind = s->shape.size - offset - length;
    size_t beyond = behind < SKELETON_BEYOND ? behind : SKELETON_BEYOND;
    struct skeleton k = { s->shape.size, offset, *skip };

    if (!s->code) {
        read_held(s, data, length, offset);
        return;
    }
    read_held(s, data, length + beyond, offset);
    skeleton_split(&k, data, length, beyond, NULL);
    *skip = k.skip;
}

static void put_hash(const struct sketched *s, const struct rolling *r,
                     size_t block, uint8_t *piece, unsigned *skip,
                     struct buf *b)
{
    uint64_t at = (uint64_t)block * s->shape.block, hash = 0;
    uint64_t end = at + s->shape.block;
    unsigned k;
    size_t n;

    if (end > s->shape.size)
        end = s->shape.size;
    for (; at < end; at += n) {
        n = end - at < SKETCHED_PIECE ? end - at : SKETCHED_PIECE;
        read_piece(s, piece, n, at, skip);
        hash = rolling_add(r, hash, piece, n);
    }
    hash = rolling_cut(r, hash, s->shape.width);
    for (k = 0; k < s->shape.width; k++)
        buf_put_u8(b, hash >> 8 * k);
}

static int find_kind(struct sketched *s)
{
    size_t length = s->shape.size < HEAD ? s->shape.size : HEAD;
    uint8_t head[HEAD];

    read_held(s, head, length, 0);
    if (s->shape.block > SKETCHED_PIECE || !x86code_begins(head, length))
        return 0;
    s->code = true;
    s->skips = malloc(sketch_blocks(&s->shape));
    return s->skips ? 0 : -ENOMEM;
}

int sketched_put(struct sketched *s, const struct rolling *r, struct buf *b)
{
    size_t n_blocks = sketch_blocks(&s->shape), i;
    unsigned skip = 0;
    uint8_t *piece;
    int rc = find_kind(s);

    if (rc)
        return rc;
    piece = aligned_alloc(4096, SKETCHED_PIECE + 4096);
    if (!piece)
        return -ENOMEM;
    buf_put_varint(b, s->shape.size);
    buf_put_varint(b, s->shape.block);
    buf_put_u8(b, s->shape.width | (s->code ? PROTO_SKETCH_CODE : 0));
    for (i = 0; i < n_blocks; i++) {
        if (s->code)
            s->skips[i] = skip;
        put_hash(s, r, i, piece, &skip, b);
    }
    free(piece);
    return 0;
}

int sketched_read(const struct sketched *s, void *data, size_t length,
                  uint64_t offset)
{
    unsigned skip = 0;

    if (offset > s->shape.size || length > s->shape.size - offset ||
        (s->code && offset % s->shape.block > 0))
        return -EPROTO;
    if (s->code)
        skip = s->skips[offset / s->shape.block];
    if (length > 0)
        read_piece(s, data, length, offset, &skip);
    return 0;
}
