/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of blocks, the source's part; see blocklist.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/match/blocktable.h"
#include "plugin/source/blocklist.h"

/* The partition that most of a raw object lies in, or NULL: a region may begin
 * before its partition. */
static const struct fsparse_partition *partition_of(const struct manifest *m,
                                                    const struct object *o)
{
    const struct fsparse_partition *p = m->map->partitions;
    uint64_t middle = o->raw.physical + o->raw.length / 2;
    size_t i;

    for (i = 0; i < m->map->n_partitions; i++, p++)
        if (middle >= p->start && middle - p->start < p->length)
            return p;
    return NULL;
}

enum proto_kind blocklist_kind(const struct manifest *m,
                               const struct object *o)
{
    const struct fsparse_partition *p;

    if (o->file != OBJECT_RAW)
        return KIND_NAMED;
    p = partition_of(m, o);
    return p && p->parsed ? KIND_PLAIN : KIND_UNPARSED;
}

static void blocks_of(const struct manifest *m, const struct object *o,
                      uint32_t *head_r, uint32_t *n_blocks_r)
{
    const struct fsparse_partition *p = partition_of(m, o);
    uint64_t head = ((p ? p->start : 0) - o->raw.physical) % PROTO_BLOCK;

    *head_r = head;
    *n_blocks_r = head < o->size ? (o->size - head) / PROTO_BLOCK : 0;
}

/* Lists */

/* The objects that have been listed. */
struct blocklist {
    uint64_t n;                 /* objects that there were at the last LIST */
    uint8_t *listed;            /* by number on the wire: 1, or 0 */
};

/* Has room for the objects that the target may have been told of. */
static int grow(struct source_disk *d)
{
    uint64_t n = object_table_count(d->objects);
    struct blocklist *b = d->blocklist;
    uint8_t *listed;

    if (!b)
        b = d->blocklist = calloc(1, sizeof(*b));
    if (!b)
        return -ENOMEM;
    if (n == b->n)
        return 0;
    listed = realloc(b->listed, n);
    if (!listed)
        return -ENOMEM;
    memset(listed + b->n, 0, n - b->n);
    b->listed = listed;
    b->n = n;
    return 0;
}

void blocklist_end(struct source_disk *d)
{
    if (d->blocklist)
        free(d->blocklist->listed);
    free(d->blocklist);
    d->blocklist = NULL;
}

static bool is_listed(const struct source_disk *d, uint64_t number)
{
    const struct blocklist *b = d->blocklist;

    return b && number < b->n && b->listed[number];
}

struct answer {
    const struct source_disk *disk;
    uint8_t key[PROTO_KEY];
    uint32_t count;
    uint64_t numbers[PROTO_LIST_OBJECTS];
    struct buf lists[PROTO_LIST_OBJECTS];
};

/* Each object is listed at most once. */
static int take_list(struct source_disk *d, const struct frame *f,
                     struct answer *g)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    const uint8_t *key = cursor_get(&c, PROTO_KEY);
    uint64_t number = 0;
    uint32_t i;
    int rc = grow(d);

    if (rc)
        return rc;
    g->count = cursor_u32(&c);
    if (c.bad || g->count == 0 || g->count > PROTO_LIST_OBJECTS)
        return -EPROTO;
    memcpy(g->key, key, PROTO_KEY);
    for (i = 0; i < g->count; i++) {
        number += (uint64_t)cursor_zigzag(&c);
        if (c.bad || number >= d->blocklist->n || is_listed(d, number) ||
            blocklist_kind(d->manifest, source_object(d, number)) !=
            KIND_UNPARSED)
            return -EPROTO;
        d->blocklist->listed[number] = 1;
        g->numbers[i] = number;
    }
    return cursor_left(&c) > 0 ? -EPROTO : 0;
}

static int list_one(void *opaque, uint64_t i)
{
    struct answer *g = opaque;
    const struct source_disk *d = g->disk;
    const struct object *o = source_object(d, g->numbers[i]);
    struct buf *b = &g->lists[i];
    uint32_t head, n_blocks, k, byte;
    uint64_t hash;
    uint8_t *data;
    int rc;

    blocks_of(d->manifest, o, &head, &n_blocks);
    buf_put_varint(b, head);
    if (n_blocks == 0)
        return b->failed ? -ENOMEM : 0;
    data = aligned_alloc(PROTO_BLOCK, (size_t)n_blocks * PROTO_BLOCK);
    if (!data)
        return -ENOMEM;
    rc = image_read(&d->image, data, (size_t)n_blocks * PROTO_BLOCK,
                    o->raw.physical + head);
    for (k = 0; k < n_blocks && !rc; k++) {
        hash = blocktable_hash(g->key, data + (size_t)k * PROTO_BLOCK);
        for (byte = 0; byte < PROTO_LIST_HASH; byte++)
            buf_put_u8(b, hash >> 8 * byte);
    }
    free(data);
    return rc ? rc : b->failed ? -ENOMEM : 0;
}

int blocklist_send(const struct session *s, struct source_disk *d,
                   const struct frame *f)
{
    struct answer *g = calloc(1, sizeof(*g));
    struct buf b = BUF_INIT;
    uint32_t i;
    int rc;

    if (!g)
        return -ENOMEM;
    g->disk = d;
    rc = take_list(d, f, g);
    if (!rc)
        rc = threadpool_run(s->pool, list_one, g, 0, g->count);
    buf_put_u32(&b, g->count);
    for (i = 0; i < g->count && !rc; i++)
        buf_put(&b, g->lists[i].data, g->lists[i].length);
    if (!rc)
        rc = wire_send_buf(s->wire, FRAME_BLOCKLIST, d->number, &b);
    for (i = 0; i < PROTO_LIST_OBJECTS; i++)
        buf_release(&g->lists[i]);
    buf_release(&b);
    free(g);
    return rc;
}

/* What the target holds */

/* Runs of blocks that it holds, and that it does not, by turns. */
static int take_runs(struct cursor *c, struct held_blocks *a)
{
    uint32_t at = 0, runs;
    uint64_t n;

    for (runs = 0; at < a->n_blocks; runs++) {
        n = cursor_varint(c);
        if (c->bad || n > a->n_blocks - at || (n == 0 && runs > 0))
            return -EPROTO;
        memset(a->held + at, runs % 2 == 0, n);
        at += n;
    }
    return 0;
}

int blocklist_parse_held(struct source_disk *d, struct cursor *c,
                         uint64_t *number, struct held_blocks **held_r)
{
    struct held_blocks *a;
    int rc;

    *number += (uint64_t)cursor_zigzag(c);
    if (c->bad || !is_listed(d, *number))
        return -EPROTO;
    a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    blocks_of(d->manifest, source_object(d, *number), &a->head, &a->n_blocks);
    rc = take_runs(c, a);
    if (rc) {
        free(a);
        return rc;
    }
    *held_r = a;
    return 0;
}
