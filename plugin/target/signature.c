/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files as their signatures show them; see signature.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/match/x86_bcj.h"
#include "plugin/proto.h"
#include "plugin/target/signature.h"

#define HEAD 4096u              /* tells what a file is */
/* Bytes of code: another version, which may be somewhat longer, is put together
 * in memory (assembly.h). */
#define CODE_MAX (64u << 20)
#define SHOWN_LEAST 2u          /* values that are the same */

void signature_init(struct file_signature *s, const struct basis *h,
                    const uint8_t secret[HOST_SECRET_BYTES])
{
    *s = (struct file_signature){ .held = *h, .shape.size = h->size };
    host_secret_derive(secret, "signature", h->object.digest,
                       sizeof(h->object.digest), s->key, sizeof(s->key));
    block_signature_shape(&s->shape);
}

void signature_release(struct file_signature *s)
{
    basis_release(&s->held);
    free(s->skips);
}

size_t signature_cost(const struct file_signature *s)
{
    return 16 + sizeof(s->key) +
        s->shape.width * block_signature_count(&s->shape);
}

/* Something is wrong in what cannot be read: a digest will tell. */
static void read_held(const struct file_signature *s, void *data, size_t length,
                      uint64_t offset)
{
    if (basis_read(&s->held, data, length, offset))
        memset(data, 0, length);
}

/* The number of bytes after a piece that are to be seen. */
static size_t beyond_of(const struct file_signature *s, uint64_t end)
{
    uint64_t left = s->shape.size - end;

    return left < X86_OPERANDS_BEYOND ? left : X86_OPERANDS_BEYOND;
}

/* Takes a piece of code apart, beyond which there is what is to be seen, and
 * notes the skips of its blocks. */
static void split_blocks(const struct file_signature *s, struct x86_operands *k,
                         uint8_t *data, size_t length)
{
    size_t n;

    for (; length > 0; data += n, length -= n) {
        n = length < s->shape.block ? length : s->shape.block;
        s->skips[k->offset / s->shape.block] = k->skip;
        x86_operands_split(k, data, n, beyond_of(s, k->offset + n), NULL);
    }
}

static void put_hash(const struct file_signature *s, const struct rolling *r,
                     uint64_t hash, struct buf *b)
{
    unsigned k;

    hash = rolling_cut(r, hash, s->shape.width);
    for (k = 0; k < s->shape.width; k++)
        buf_put_u8(b, hash >> 8 * k);
}

/* Puts the hashes of blocks that end in a piece; *hash is that of the one which
 * began and did not end, 0 if there is none. */
static void put_hashes(const struct file_signature *s, const struct rolling *r,
                       uint64_t *hash, const uint8_t *data, size_t length,
                       uint64_t offset, struct buf *b)
{
    uint64_t left;
    size_t n;

    for (; length > 0; data += n, length -= n, offset += n) {
        left = s->shape.block - offset % s->shape.block;
        n = length < left ? length : left;
        *hash = rolling_add(r, *hash, data, n);
        if (n == left || offset + n == s->shape.size) {
            put_hash(s, r, *hash, b);
            *hash = 0;
        }
    }
}

static int add_to_values(void *opaque, const void *data, size_t length,
                         uint64_t logical)
{
    (void)logical;
    resemblance_add(opaque, data, length);
    return 0;
}

bool signature_is_shown(const struct file_signature *s,
                        const uint8_t key[PROTO_SIGNATURE_KEY],
                        const uint32_t shown[PROTO_SHOWN_VALUES])
{
    uint32_t values[PROTO_SHOWN_VALUES];
    struct resemblance a;

    resemblance_init(&a, key);
    if (basis_stream(&s->held, add_to_values, &a))
        return false;
    resemblance_end(&a, values);
    return resemblance_compare(values, shown) >= SHOWN_LEAST;
}

static int find_kind(struct file_signature *s)
{
    size_t length = s->shape.size < HEAD ? s->shape.size : HEAD;
    uint8_t head[HEAD];

    read_held(s, head, length, 0);
    if (s->shape.size > CODE_MAX || s->shape.block > SIGNATURE_PIECE ||
        !x86_bcj_begins(head, length))
        return 0;
    s->code = true;
    s->skips = malloc(block_signature_count(&s->shape));
    return s->skips ? 0 : -ENOMEM;
}

int signature_put(struct file_signature *s, struct buf *b)
{
    uint64_t size = s->shape.size, offset, hash = 0;
    struct x86_operands k = { .size = size };
    struct rolling r;
    uint8_t *piece;
    size_t n;
    int rc = find_kind(s);

    if (rc)
        return rc;
    piece = aligned_alloc(4096, SIGNATURE_PIECE + 4096);
    if (!piece)
        return -ENOMEM;
    rolling_init(&r, s->key);
    buf_put(b, s->key, sizeof(s->key));
    buf_put_varint(b, size);
    buf_put_varint(b, s->shape.block);
    buf_put_u8(b, s->shape.width | (s->code ? PROTO_SIGNATURE_CODE : 0));
    for (offset = 0; offset < size; offset += n) {
        n = size - offset < SIGNATURE_PIECE ? size - offset : SIGNATURE_PIECE;
        read_held(s, piece, n + (s->code ? beyond_of(s, offset + n) : 0),
                  offset);
        if (s->code)
            split_blocks(s, &k, piece, n);
        put_hashes(s, &r, &hash, piece, n, offset, b);
    }
    free(piece);
    return 0;
}

int signature_read(const struct file_signature *s, void *data, size_t length,
                   uint64_t offset)
{
    struct x86_operands k = { .size = s->shape.size, .offset = offset };
    size_t beyond;

    if (offset > s->shape.size || length > s->shape.size - offset ||
        (s->code && offset % s->shape.block > 0))
        return -EPROTO;
    if (length == 0)
        return 0;
    beyond = s->code ? beyond_of(s, offset + length) : 0;
    read_held(s, data, length + beyond, offset);
    if (s->code) {
        k.skip = s->skips[offset / s->shape.block];
        x86_operands_split(&k, data, length, beyond, NULL);
    }
    return 0;
}
