/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Digests of an image's segments; see segment.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/proto.h"
#include "plugin/segment.h"

#define AHEAD (4u << 20)            /* bytes */

struct hashing {
    const struct image *img;
    uint64_t first;
    struct segment_digest *out;
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

bool segment_equal(const struct segment_digest *a,
                   const struct segment_digest *b)
{
    return a->zero == b->zero &&
        (a->zero || !memcmp(a->digest, b->digest, HASH_BYTES));
}

/* Where data begins from offset on: the end, if there is none; offset, if that
 * cannot be told. */
static uint64_t next_data(const struct image *img, uint64_t offset)
{
    off_t data = img->block ? (off_t)offset :
        lseek(img->fd, offset, SEEK_DATA);

    if (data < 0)
        return errno == ENXIO ? img->size : offset;
    return data;
}

/* Lets the kernel read on while we hash the segment at offset: the one that is
 * so much further on, as those between were asked for before; not what is a
 * hole. */
static void read_ahead(const struct image *img, uint64_t offset)
{
    uint64_t start = offset + AHEAD, end = start + PROTO_SEGMENT, data;

    if (img->direct_fd >= 0 || start >= img->size)
        return;
    data = next_data(img, start);
    if (data < end && data < img->size)
        image_will_need(img, data, end - data);
}

int segment_hash_noted(const struct image *img, uint64_t number,
                       struct segment_digest *d, struct blockindex *index,
                       unsigned disk)
{
    uint64_t offset = number * PROTO_SEGMENT;
    size_t length = segment_length(img->size, number);
    void *data;
    int rc;

    read_ahead(img, offset);
    if (next_data(img, offset) >= offset + length) {
        d->known = d->zero = true;
        return 0;
    }
    /* Aligned, so that a device is read without a bounce buffer. */
    data = aligned_alloc(4096, PROTO_SEGMENT);
    if (!data)
        return -ENOMEM;
    rc = image_read(img, data, length, offset);
    if (!rc) {
        segment_digest_of(data, length, d);
        if (!d->zero)
            blockindex_put(index, disk, offset, data, length);
    }
    free(data);
    return rc;
}

int segment_hash(const struct image *img, uint64_t number,
                 struct segment_digest *d)
{
    return segment_hash_noted(img, number, d, NULL, 0);
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

static int hash_one(void *opaque, uint64_t number)
{
    const struct hashing *h = opaque;

    return h->out[number].known ? 0 :
        segment_hash_noted(h->img, h->first + number, &h->out[number],
                           h->index, h->disk);
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
            data = next_data(img, start);
        if (data >= end)
            out[i].known = out[i].zero = true;
    }
}

int segments_hash_noted(const struct image *img, struct workers *pool,
                        uint64_t first, size_t count,
                        struct segment_digest *out,
                        struct blockindex *index, unsigned disk)
{
    struct hashing h = { img, first, out, index, disk };
    size_t start = 0;

    /* What takes no time is not worth waking anybody. */
    segments_note_holes(img, first, count, out);
    while (start < count && out[start].known)
        start++;
    while (count > start && out[count - 1].known)
        count--;
    return start < count ?
        workers_run(pool, hash_one, &h, start, count - start) : 0;
}

int segments_hash(const struct image *img, struct workers *pool,
                  uint64_t first, size_t count, struct segment_digest *out)
{
    return segments_hash_noted(img, pool, first, count, out, NULL, 0);
}

void segments_root(const struct segment_digest *d, uint64_t count,
                   uint8_t root[HASH_BYTES])
{
    static const uint8_t zero[HASH_BYTES];
    struct digest state;
    uint64_t i;

    digest_init(&state);
    for (i = 0; i < count; i++)
        digest_update(&state, d[i].zero ? zero : d[i].digest, HASH_BYTES);
    digest_final(&state, root);
}
