/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Digests of segments, in passing; see segment_run.h. */
#include "config.h"

#include "plugin/content/segment_run.h"
#include "plugin/proto.h"

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
