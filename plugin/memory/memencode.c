/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sending half of the memory codec; see memencode.h. */
#include "config.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/bytes.h"
#include "plugin/memory/memencode.h"
#include "plugin/memory/memstream.h"
#include "plugin/memory/pagecache.h"
#include "plugin/proto.h"

#define PAGE MEMSTREAM_PAGE

/* A batch is sent when it has grown so far. */
#define BATCH_DATA (256u << 10)
#define BATCH_COMMANDS (64u << 10)
#define BATCH_KEPT (1u << 20)
#define BATCH_STREAM (8u << 20)

/* A difference longer than this is no gain over the page. */
#define DIFFERENCE_MAX (PAGE / 2)
/* Equal bytes between two changes that are worth a new piece. */
#define DIFFERENCE_GAP 8u

/* Commands of one kind that follow each other become one. */
struct run {
    int op;                     /* -1: none */
    uint64_t count;
    uint64_t first;             /* slot, block or word */
    unsigned disk;
    struct buf hashes;          /* of blocks on disk */
};

struct memencoder {
    struct memencoder_options opt;
    struct memstream stream;
    struct pagecache *cache;
    struct memory_batch batch;
    struct run run;
    /* What a number on the wire is relative to; 0 at the start of a batch. */
    uint64_t next_slot;
    uint64_t next_block;
    uint64_t next_entry;
    struct memory_counts counts;
    atomic_bool cheap;
};

void memory_batch_release(struct memory_batch *b)
{
    buf_release(&b->commands);
    buf_release(&b->data);
    buf_release(&b->kept);
    b->bytes = 0;
}

/* Runs */

static void put_relative(struct buf *b, uint64_t value, uint64_t *next,
                         uint64_t count)
{
    buf_put_zigzag(b, (int64_t)(value - *next));
    *next = value + count;
}

/* Writes the run that has ended. */
static void end_run(struct memencoder *e)
{
    struct buf *b = &e->batch.commands;
    struct run *r = &e->run;

    if (r->op < 0)
        return;
    buf_put_varint(b, r->count << MEMORY_OP_BITS | r->op);
    switch (r->op) {
    case MEMORY_FILL:
        buf_put_u64(b, r->first);
        break;
    case MEMORY_REPEAT:
    case MEMORY_DIFFERENCE:
    case MEMORY_LITERAL:
        put_relative(b, r->first, &e->next_slot,
                     r->op == MEMORY_DIFFERENCE ? 1 : r->count);
        break;
    case MEMORY_DISK:
        buf_put_varint(b, r->disk);
        put_relative(b, r->first, &e->next_block, r->count);
        buf_put(b, r->hashes.data, r->hashes.length);
        buf_reset(&r->hashes);
        break;
    }
    r->op = -1;
}

/* Adds count to a run that goes on with `first`, or begins a new one. */
static void add(struct memencoder *e, int op, unsigned disk, uint64_t first,
                uint64_t count)
{
    struct run *r = &e->run;
    uint64_t expected = r->first;

    if (op == MEMORY_REPEAT || op == MEMORY_LITERAL || op == MEMORY_DISK)
        expected += r->count;
    if (r->op != op || op == MEMORY_DIFFERENCE || r->disk != disk ||
        expected != first) {
        end_run(e);
        r->op = op;
        r->disk = disk;
        r->first = first;
        r->count = 0;
    }
    r->count += count;
}

static int emit(struct memencoder *e)
{
    struct memory_batch *b = &e->batch;

    end_run(e);
    e->next_slot = e->next_block = e->next_entry = 0;
    if (b->commands.failed || b->data.failed || b->kept.failed ||
        e->run.hashes.failed)
        return -ENOMEM;
    return b->bytes ? e->opt.emit(e->opt.opaque, b) : 0;
}

/* The batch stands for more bytes of the stream now. */
static int advance(struct memencoder *e, uint64_t bytes)
{
    struct memory_batch *b = &e->batch;

    b->bytes += bytes;
    e->counts.bytes += bytes;
    if (b->data.length < BATCH_DATA && b->commands.length < BATCH_COMMANDS &&
        b->kept.length < BATCH_KEPT && b->bytes < BATCH_STREAM)
        return 0;
    return emit(e);
}

/* Events of the stream */

static int take_bytes(void *opaque, const void *data, size_t length)
{
    struct memencoder *e = opaque;
    const uint8_t *p = data;
    size_t n;
    int rc = 0;

    for (; length > 0 && !rc; p += n, length -= n) {
        n = length < BATCH_DATA ? length : BATCH_DATA;
        add(e, MEMORY_RAW, 0, 0, n);
        buf_put(&e->batch.data, p, n);
        rc = advance(e, n);
    }
    return rc;
}

static int take_entries(void *opaque, const uint8_t *entries, size_t count)
{
    struct memencoder *e = opaque;
    struct buf *b = &e->batch.commands;
    uint64_t first;
    size_t i, n;

    end_run(e);
    buf_put_varint(b, (uint64_t)count << MEMORY_OP_BITS | MEMORY_ENTRIES);
    for (i = 0; i < count; i += n) {
        first = get_le64(entries + i * 8);
        for (n = 1; i + n < count && get_le64(entries + (i + n) * 8) ==
             first + n; n++)
            ;
        put_relative(b, first, &e->next_entry, n);
        buf_put_varint(b, n);
    }
    return advance(e, count * 8);
}

/* The pieces in which a page differs from its last content: varint bytes to
 * skip, varint length, bytes.  False if they are too long. */
static bool put_difference(struct buf *b, const uint8_t *old,
                           const uint8_t *now)
{
    size_t start = b->length, at = 0, done = 0, end, i;

    while (at < PAGE && b->length - start <= DIFFERENCE_MAX) {
        while (at + 8 <= PAGE && !memcmp(old + at, now + at, 8))
            at += 8;
        while (at < PAGE && old[at] == now[at])
            at++;
        if (at == PAGE)
            break;
        for (end = i = at + 1; i < PAGE && i - end < DIFFERENCE_GAP; i++)
            if (old[i] != now[i])
                end = i + 1;
        buf_put_varint(b, at - done);
        buf_put_varint(b, end - at);
        buf_put(b, now + at, end - at);
        at = done = end;
    }
    if (b->length - start <= DIFFERENCE_MAX)
        return true;
    b->length = start;
    return false;
}

static void take_new(struct memencoder *e, uint64_t pfn, uint64_t hash,
                     const uint8_t *page)
{
    struct buf *data = &e->batch.data;
    size_t before = data->length;
    uint32_t slot = pagecache_of_pfn(e->cache, pfn);

    if (slot != PAGECACHE_NONE &&
        put_difference(data, pagecache_content(e->cache, slot), page)) {
        e->counts.difference++;
        add(e, MEMORY_DIFFERENCE, 0, slot, data->length - before);
        pagecache_put(e->cache, pfn, hash, page);
        return;
    }
    e->counts.literal++;
    slot = pagecache_put(e->cache, pfn, hash, page);
    add(e, MEMORY_LITERAL, 0, slot, 1);
    buf_put(data, page, PAGE);
}

static void take_hashed(struct memencoder *e, uint64_t pfn,
                        const uint8_t *page)
{
    uint64_t hash = blockindex_hash(e->opt.key, page), block;
    uint32_t slot = pagecache_find(e->cache, hash, page);
    unsigned disk;

    if (slot != PAGECACHE_NONE) {
        e->counts.repeated++;
        pagecache_touch(e->cache, slot);
        add(e, MEMORY_REPEAT, 0, slot, 1);
    } else if (blockindex_find(e->opt.index, hash, &disk, &block)) {
        e->counts.on_disk++;
        add(e, MEMORY_DISK, disk, block, 1);
        buf_put_u64(&e->run.hashes, hash);
        buf_put(&e->batch.kept, page, PAGE);
    } else {
        take_new(e, pfn, hash, page);
    }
}

static int take_page(void *opaque, uint64_t entry, const uint8_t *page)
{
    struct memencoder *e = opaque;
    uint64_t word = get_le64(page);

    e->counts.pages++;
    if (!memcmp(page, page + 8, PAGE - 8)) {
        *(word ? &e->counts.filled : &e->counts.zero) += 1;
        add(e, word ? MEMORY_FILL : MEMORY_ZERO, 0, word, 1);
    } else if (e->cache && !atomic_load_explicit(&e->cheap,
                                                 memory_order_relaxed)) {
        take_hashed(e, entry & MEMSTREAM_PFN, page);
    } else {
        e->counts.literal++;
        add(e, MEMORY_RAW, 0, 0, PAGE);
        buf_put(&e->batch.data, page, PAGE);
    }
    return advance(e, PAGE);
}

int memencoder_new(struct memencoder **e_r,
                   const struct memencoder_options *opt)
{
    static const struct memstream_events events = {
        .bytes = take_bytes,
        .entries = take_entries,
        .page = take_page,
    };
    struct memencoder *e = calloc(1, sizeof(*e));
    uint64_t slots = opt->cache_bytes / PAGE;
    int rc = 0;

    if (!e)
        return -ENOMEM;
    e->opt = *opt;
    e->run.op = -1;
    memstream_init(&e->stream, &events, e);
    if (slots > PROTO_MEMORY_SLOTS)
        slots = PROTO_MEMORY_SLOTS;
    if (slots > 0)
        rc = pagecache_new(&e->cache, slots);
    if (rc) {
        memencoder_free(e);
        return rc;
    }
    *e_r = e;
    return 0;
}

void memencoder_free(struct memencoder *e)
{
    if (!e)
        return;
    pagecache_free(e->cache);
    memory_batch_release(&e->batch);
    buf_release(&e->run.hashes);
    free(e);
}

int memencoder_feed(struct memencoder *e, const void *data, size_t length)
{
    return memstream_feed(&e->stream, data, length);
}

int memencoder_flush(struct memencoder *e)
{
    return emit(e);
}

int memencoder_finish(struct memencoder *e)
{
    int rc = memstream_finish(&e->stream);

    return rc ? rc : emit(e);
}

void memencoder_set_cheap(struct memencoder *e, bool cheap)
{
    atomic_store_explicit(&e->cheap, cheap, memory_order_relaxed);
}

const struct memory_counts *memencoder_counts(const struct memencoder *e)
{
    return &e->counts;
}
