/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The blocks of an object; see listed_blocks.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/bytes.h"
#include "plugin/proto.h"
#include "plugin/target/listed_blocks.h"

/* 0 if the block is all zero. */
static uint64_t hash_of(const struct listed_blocks *l, size_t block)
{
    return get_le(l->hashes + block * PROTO_LIST_HASH, PROTO_LIST_HASH);
}

int listed_blocks_take(struct listed_blocks *l, struct cursor *c)
{
    uint64_t head = cursor_varint(c);
    const uint8_t *hashes;
    size_t n;

    if (c->bad || head >= PROTO_BLOCK)
        return -EPROTO;
    n = head < l->size ? (l->size - head) / PROTO_BLOCK : 0;
    hashes = cursor_get(c, n * PROTO_LIST_HASH);
    if (!hashes)
        return -EPROTO;
    l->hashes = malloc(n * PROTO_LIST_HASH + 1);
    if (!l->hashes)
        return -ENOMEM;
    memcpy(l->hashes, hashes, n * PROTO_LIST_HASH);
    l->head = head;
    l->n_blocks = n;
    return 0;
}

void listed_blocks_release(struct listed_blocks *l)
{
    free(l->hashes);
}

void listed_blocks_add(const struct listed_blocks *l, struct blocktable *t)
{
    uint64_t hash;
    size_t k;

    for (k = 0; l->hashes && k < l->n_blocks; k++) {
        hash = hash_of(l, k);
        if (hash)
            blocktable_add(t, hash);
    }
}

/* Whether block k is held, being found or zero. */
static bool is_held(const struct listed_blocks *l, const struct blocktable *t,
                    size_t k)
{
    uint64_t hash = hash_of(l, k), offset;
    size_t image;

    return !hash || blocktable_get(t, hash, &image, &offset);
}

size_t listed_blocks_found(const struct listed_blocks *l,
                           const struct blocktable *t, size_t *all_r)
{
    size_t k, n = 0;

    *all_r = 0;
    for (k = 0; k < l->n_blocks; k++) {
        if (!hash_of(l, k))
            continue;
        ++*all_r;
        n += is_held(l, t, k);
    }
    return n;
}

void listed_blocks_put_held(const struct listed_blocks *l,
                            const struct blocktable *t, struct buf *b)
{
    bool held = true;
    size_t k, from;

    for (k = 0; k < l->n_blocks; held = !held) {
        for (from = k; k < l->n_blocks && is_held(l, t, k) == held; k++)
            ;
        buf_put_varint(b, k - from);
    }
}

/* Reading */

/* What is read in one go: blocks that lie one after the other. */
struct stretch {
    size_t image;                   /* SIZE_MAX: zeros */
    uint64_t offset;
    size_t length;
};

static void read_stretch(struct references *refs, const struct stretch *x,
                         uint8_t *data)
{
    const struct image *img = NULL;

    if (x->image != SIZE_MAX && x->length > 0)
        img = references_image(refs, x->image);
    if (!img || image_read(img, data, x->length, x->offset))
        memset(data, 0, x->length);
}

/* Where the content from offset up to the end of its block is held. */
static int find_block(const struct listed_blocks *l,
                      const struct blocktable *t, uint64_t offset, size_t most,
                      struct stretch *x)
{
    uint64_t at = offset - l->head, hash;
    size_t k = at / PROTO_BLOCK;

    if (offset < l->head || k >= l->n_blocks)
        return -EPROTO;
    at %= PROTO_BLOCK;
    x->length = PROTO_BLOCK - at < most ? PROTO_BLOCK - at : most;
    x->image = SIZE_MAX;
    x->offset = 0;
    hash = hash_of(l, k);
    if (!hash)
        return 0;
    if (!blocktable_get(t, hash, &x->image, &x->offset))
        return -EPROTO;
    x->offset += at;
    return 0;
}

int listed_blocks_read(const struct listed_blocks *l,
                       const struct blocktable *t, struct references *refs,
                       void *data, size_t length, uint64_t offset)
{
    struct stretch run = { .image = SIZE_MAX }, x;
    uint8_t *p = data;
    int rc;

    while (length > 0) {
        rc = find_block(l, t, offset, length, &x);
        if (rc)
            return rc;
        offset += x.length;
        length -= x.length;
        if (x.image == run.image && (x.image == SIZE_MAX ||
                                     x.offset == run.offset + run.length)) {
            run.length += x.length;
            continue;
        }
        read_stretch(refs, &run, p);
        p += run.length;
        run = x;
    }
    read_stretch(refs, &run, p);
    return 0;
}
