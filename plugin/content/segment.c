/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Digests of an image's segments; see segment.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/zero.h"
#include "plugin/content/segment.h"
#include "plugin/proto.h"

#define AHEAD 4u                    /* segments, read by the kernel meanwhile */

struct hashing {
    const struct image *img;
    uint64_t first;
    struct segment_digest *out;
    size_t *list;                   /* which are not known, counted from
                                       first */
    size_t n;
    struct blockindex *index;       /* or NULL */
    unsigned disk;
};

uint64_t segment_count(uint64_t image_size)
{
    return (image_size + PROTO_SEGMENT - 1) / PROTO_SEGMENT;
}

size_t segment_length(uint64_t image_size, uint64_t number)
{
    uint64_t left = image_size - number * PROTO_SEGMENT;

    return left < PROTO_SEGMENT ? left : PROTO_SEGMENT;
}

void segment_digest_of(const void *data, size_t length,
                       struct segment_digest *d)
{
    d->known = true;
    d->zero = data_is_zero(data, length);
    if (!d->zero)
        digest_of(data, length, d->digest);
}

void segment_digest_noted(const void *data, size_t length, uint64_t number,
                          struct segment_digest *d, struct blockindex *index,
                          unsigned disk)
{
    segment_digest_of(data, length, d);
    if (!d->zero)
        blockindex_put(index, disk, number * PROTO_SEGMENT, data, length);
}

bool segment_equal(const struct segment_digest *a,
                   const struct segment_digest *b)
{
    return a->zero == b->zero &&
        (a->zero || !memcmp(a->digest, b->digest, HASH_BYTES));
}

int segment_hash(const struct image *img, uint64_t number,
                 struct segment_digest *d, struct blockindex *index,
                 unsigned disk)
{
    size_t length = segment_length(img->size, number);
    /* Aligned, so that a device is read without a bounce buffer. */
    void *data = aligned_alloc(4096, PROTO_SEGMENT);
    int rc;

    if (!data)
        return -ENOMEM;
    rc = image_read(img, data, length, number * PROTO_SEGMENT);
    if (!rc)
        segment_digest_noted(data, length, number, d, index, disk);
    free(data);
    return rc;
}

void segment_will_need(const struct image *img, uint64_t number)
{
    image_will_need(img, number * PROTO_SEGMENT,
                    segment_length(img->size, number));
}

int segments_hash_at_once(const struct image *img, uint64_t first,
                          size_t count, void *buf, struct segment_digest *out)
{
    uint64_t start = first * PROTO_SEGMENT;
    size_t left = img->size - start, length, i;
    uint8_t *p = buf;
    int rc;

    if (left > count * PROTO_SEGMENT)
        left = count * PROTO_SEGMENT;
    rc = image_read(img, buf, left, start);
    for (i = 0; i < count && !rc; i++, p += length) {
        length = segment_length(img->size, first + i);
        segment_digest_of(p, length, &out[i]);
    }
    return rc;
}

void segments_note_holes(const struct image *img, uint64_t first,
                         size_t count, struct segment_digest *out)
{
    uint64_t start, end, data = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        if (out[i].known)
            continue;
        start = (first + i) * PROTO_SEGMENT;
        end = start + segment_length(img->size, first + i);
        if (data < end)
            data = image_next_data(img, start);
        if (data >= end)
            out[i].known = out[i].zero = true;
    }
}

static int hash_one(void *opaque, uint64_t i)
{
    const struct hashing *h = opaque;
    size_t k = h->list[i];

    if (i + AHEAD < h->n)
        segment_will_need(h->img, h->first + h->list[i + AHEAD]);
    return segment_hash(h->img, h->first + k, &h->out[k], h->index, h->disk);
}

int segments_hash_noted(const struct image *img, struct threadpool *pool,
                        uint64_t first, size_t count,
                        struct segment_digest *out,
                        struct blockindex *index, unsigned disk)
{
    struct hashing h = { .img = img, .first = first, .out = out,
                         .index = index, .disk = disk };
    size_t i;
    int rc;

    segments_note_holes(img, first, count, out);
    h.list = reallocarray(NULL, count + 1, sizeof(*h.list));
    if (!h.list)
        return -ENOMEM;
    for (i = 0; i < count; i++)
        if (!out[i].known)
            h.list[h.n++] = i;
    for (i = 0; i < h.n && i < AHEAD; i++)
        segment_will_need(img, first + h.list[i]);
    rc = h.n > 0 ? threadpool_run(pool, hash_one, &h, 0, h.n) : 0;
    free(h.list);
    return rc;
}

int segments_hash(const struct image *img, struct threadpool *pool,
                  uint64_t first, size_t count, struct segment_digest *out)
{
    return segments_hash_noted(img, pool, first, count, out, NULL, 0);
}

void segments_root_add(struct digest *state, const struct segment_digest *d,
                       uint64_t count)
{
    static const uint8_t zero[HASH_BYTES];
    uint64_t i;

    for (i = 0; i < count; i++)
        digest_update(state, d[i].zero ? zero : d[i].digest, HASH_BYTES);
}

void segments_root(const struct segment_digest *d, uint64_t count,
                   uint8_t root[HASH_BYTES])
{
    struct digest state;

    digest_init(&state);
    segments_root_add(&state, d, count);
    digest_final(&state, root);
}

/* In passing */

void segment_sink_put(const struct segment_sink *k, uint64_t number,
                      const void *data)
{
    segment_digest_noted(data, segment_length(k->image_size, number), number,
                         &k->digests[number], k->index, k->disk);
}

void segment_run_begin(struct segment_run *r, const struct segment_sink *k,
                       uint64_t start, uint64_t end)
{
    r->sink = k;
    r->next = r->end = 0;
    if (!k)
        return;
    r->next = (start + PROTO_SEGMENT - 1) / PROTO_SEGMENT * PROTO_SEGMENT;
    r->end = end == k->image_size ? end : end - end % PROTO_SEGMENT;
}

/* Takes bytes up to the end of their segment.  Returns how many. */
static size_t take(struct segment_run *r, const uint8_t *p, size_t length)
{
    const struct segment_sink *k = r->sink;
    uint64_t number = r->next / PROTO_SEGMENT;
    size_t done = r->next % PROTO_SEGMENT;
    size_t left = segment_length(k->image_size, number) - done;
    struct segment_digest *d = &k->digests[number];

    if (length > left)
        length = left;
    if (done == 0)
        content_digest_init(&r->state);
    content_digest_data(&r->state, p, length);
    blockindex_put(k->index, k->disk, r->next, p, length);
    if (length == left) {
        d->zero = content_digest_final(&r->state, d->digest);
        d->known = true;
    }
    r->next += length;
    return length;
}

void segment_run_put(struct segment_run *r, const void *data, size_t length,
                     uint64_t offset)
{
    const uint8_t *p = data;
    size_t n;

    for (; length > 0 && r->next < r->end; p += n, offset += n, length -= n)
        if (offset < r->next)
            n = length < r->next - offset ? length : r->next - offset;
        else
            n = take(r, p, length);
}
