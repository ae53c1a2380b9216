/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receiving half of the memory codec; see memdecode.h. */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/budget.h"
#include "plugin/base/buf.h"
#include "plugin/base/bytes.h"
#include "plugin/match/blockindex.h"
#include "plugin/memory/memdecode.h"
#include "plugin/memory/memstream.h"

#define PAGE MEMSTREAM_PAGE
#define OUT_BYTES (256u << 10)

struct disk_page {
    uint64_t disk;
    uint64_t block;
    uint64_t hash;
};

/* Where a frame's numbers are relative to, and what is left of it. */
struct reading {
    struct cursor commands;
    struct cursor data;
    uint64_t next_slot;
    uint64_t next_block;
    uint64_t next_entry;
    uint64_t bytes;             /* of the stream */
    uint32_t disk_pages;        /* so far */
};

struct command {
    enum memory_op op;
    uint64_t count;
    uint64_t first;             /* slot, block or word */
    uint64_t disk;
    const uint8_t *hashes;
    const uint8_t *data;
};

struct memdecoder {
    struct memdecoder_options opt;
    uint8_t key[PROTO_MEMORY_KEY];
    uint8_t **slot;             /* PROTO_MEMORY_SLOTS, NULL: empty */
    uint8_t *disk;              /* content of the frame's pages on disk */
    struct disk_page wanted[PROTO_MEMORY_DISK];
    uint32_t number[PROTO_MEMORY_DISK];         /* those to be asked for */
    uint8_t *page[PROTO_MEMORY_DISK];
    size_t out_length;
    uint8_t out[OUT_BYTES];
};

int memdecoder_new(struct memdecoder **d_r,
                   const struct memdecoder_options *opt)
{
    struct memdecoder *d = calloc(1, sizeof(*d));

    if (!d)
        return -ENOMEM;
    d->opt = *opt;
    d->slot = calloc(PROTO_MEMORY_SLOTS, sizeof(*d->slot));
    /* Aligned, so that a device is read without a bounce buffer. */
    d->disk = aligned_alloc(PAGE, (size_t)PROTO_MEMORY_DISK * PAGE);
    if (!d->slot || !d->disk) {
        memdecoder_free(d);
        return -ENOMEM;
    }
    *d_r = d;
    return 0;
}

void memdecoder_free(struct memdecoder *d)
{
    uint32_t i;

    if (!d)
        return;
    for (i = 0; d->slot && i < PROTO_MEMORY_SLOTS; i++) {
        if (d->slot[i])
            budget_give(d->opt.budget, PAGE);
        free(d->slot[i]);
    }
    free(d->slot);
    free(d->disk);
    free(d);
}

void memdecoder_set_key(struct memdecoder *d,
                        const uint8_t key[PROTO_MEMORY_KEY])
{
    memcpy(d->key, key, PROTO_MEMORY_KEY);
}

/* Output */

static int flush(struct memdecoder *d)
{
    size_t length = d->out_length;

    d->out_length = 0;
    return length ? d->opt.out(d->opt.opaque, d->out, length) : 0;
}

/* Room for n <= OUT_BYTES bytes of output, or NULL and *rc. */
static uint8_t *room(struct memdecoder *d, size_t n, int *rc)
{
    *rc = n > sizeof(d->out) - d->out_length ? flush(d) : 0;
    if (*rc)
        return NULL;
    d->out_length += n;
    return d->out + d->out_length - n;
}

static int put(struct memdecoder *d, const uint8_t *data, uint64_t length)
{
    uint8_t *out;
    size_t n;
    int rc = 0;

    for (; length > 0 && !rc; data += n, length -= n) {
        n = length < PAGE ? length : PAGE;
        out = room(d, n, &rc);
        if (out)
            memcpy(out, data, n);
    }
    return rc;
}

/* Reading commands */

/* Whether the frame may bring count units more.  Bounded before anything
 * is multiplied or read. */
static bool fits(struct reading *r, uint64_t count, size_t unit)
{
    if (count > (PROTO_MEMORY_FRAME - r->bytes) / unit)
        return false;
    r->bytes += count * unit;
    return true;
}

static bool take_slots(struct reading *r, struct command *c, uint64_t count)
{
    c->first = r->next_slot + (uint64_t)cursor_zigzag(&r->commands);
    r->next_slot = c->first + count;
    return c->first < PROTO_MEMORY_SLOTS &&
        count <= PROTO_MEMORY_SLOTS - c->first;
}

static bool take_disk(struct reading *r, struct command *c)
{
    if (!fits(r, c->count, PAGE) ||
        c->count > PROTO_MEMORY_DISK - r->disk_pages)
        return false;
    c->disk = cursor_varint(&r->commands);
    c->first = r->next_block + (uint64_t)cursor_zigzag(&r->commands);
    r->next_block = c->first + c->count;
    c->hashes = cursor_get(&r->commands, c->count * 8);
    r->disk_pages += c->count;
    return c->first <= PROTO_DISK_BYTES_MAX / PAGE;
}

/* Pages that are in slots of the cache, or go there. */
static bool take_cached(struct reading *r, struct command *c)
{
    uint64_t pages = c->op == MEMORY_DIFFERENCE ? 1 : c->count;

    if ((c->op == MEMORY_DIFFERENCE && c->count > PAGE) ||
        !fits(r, pages, PAGE) || !take_slots(r, c, pages))
        return false;
    if (c->op == MEMORY_DIFFERENCE)
        c->data = cursor_get(&r->data, c->count);
    else if (c->op == MEMORY_LITERAL)
        c->data = cursor_get(&r->data, c->count * PAGE);
    return true;
}

/* Reads a command; of ENTRIES only the head.  False if it is no good. */
static bool next_command(struct reading *r, struct command *c)
{
    uint64_t word = cursor_varint(&r->commands);

    memset(c, 0, sizeof(*c));
    c->op = word & ((1 << MEMORY_OP_BITS) - 1);
    c->count = word >> MEMORY_OP_BITS;
    switch (c->op) {
    case MEMORY_RAW:
        if (!fits(r, c->count, 1))
            return false;
        c->data = cursor_get(&r->data, c->count);
        break;
    case MEMORY_ENTRIES:
        if (!fits(r, c->count, 8))
            return false;
        break;
    case MEMORY_FILL:
        c->first = cursor_u64(&r->commands);
        /* fall through */
    case MEMORY_ZERO:
        if (!fits(r, c->count, PAGE))
            return false;
        break;
    case MEMORY_DISK:
        if (!take_disk(r, c))
            return false;
        break;
    case MEMORY_REPEAT:
    case MEMORY_DIFFERENCE:
    case MEMORY_LITERAL:
        if (!take_cached(r, c))
            return false;
        break;
    }
    return !r->commands.bad && !r->data.bad;
}

/* A run of ENTRIES: *left of them are still due. */
static bool next_entries(struct reading *r, uint64_t *left, uint64_t *first,
                         uint64_t *count)
{
    *first = r->next_entry + (uint64_t)cursor_zigzag(&r->commands);
    *count = cursor_varint(&r->commands);
    if (r->commands.bad || *count == 0 || *count > *left)
        return false;
    *left -= *count;
    r->next_entry = *first + *count;
    return true;
}

static bool begin(struct reading *r, const void *data, size_t length)
{
    struct cursor c = CURSOR_INIT(data, length);
    uint32_t n = cursor_u32(&c);
    const uint8_t *commands = cursor_get(&c, n);

    memset(r, 0, sizeof(*r));
    if (!commands)
        return false;
    r->commands = (struct cursor)CURSOR_INIT(commands, n);
    r->data = c;
    return true;
}

/* Goes over a frame without using it; notes its pages on disk. */
static int examine(struct memdecoder *d, const void *data, size_t length,
                   uint32_t *disk_pages_r)
{
    struct reading r;
    struct command c;
    struct cursor hash;
    uint64_t left, first, count, i;
    uint32_t at;

    if (!begin(&r, data, length))
        return -EPROTO;
    while (cursor_left(&r.commands) > 0) {
        at = r.disk_pages;
        if (!next_command(&r, &c))
            return -EPROTO;
        for (left = c.op == MEMORY_ENTRIES ? c.count : 0; left > 0;)
            if (!next_entries(&r, &left, &first, &count))
                return -EPROTO;
        if (c.op != MEMORY_DISK)
            continue;
        hash = (struct cursor)CURSOR_INIT(c.hashes, c.count * 8);
        for (i = 0; i < c.count; i++)
            d->wanted[at + i] = (struct disk_page){
                c.disk, c.first + i, cursor_u64(&hash) };
    }
    *disk_pages_r = r.disk_pages;
    return cursor_left(&r.data) > 0 ? -EPROTO : 0;
}

/* Pages on disk */

static void read_run(struct memdecoder *d, uint32_t first, uint32_t count)
{
    const struct disk_page *w = &d->wanted[first];
    uint8_t *p = d->disk + (size_t)first * PAGE;

    /* What cannot be read has another hash, and will be asked for. */
    if (d->opt.read(d->opt.opaque, w->disk, w->block * PAGE, p,
                    (size_t)count * PAGE))
        memset(p, 0, (size_t)count * PAGE);
}

/* Makes d->disk hold what the source means. */
static int fetch(struct memdecoder *d, uint32_t n)
{
    const struct disk_page *w = d->wanted;
    uint32_t i, end;
    size_t missed = 0;

    for (i = 0; i < n; i = end) {
        for (end = i + 1; end < n && w[end].disk == w[i].disk &&
             w[end].block == w[i].block + (end - i); end++)
            ;
        read_run(d, i, end - i);
    }
    for (i = 0; i < n; i++) {
        uint8_t *p = d->disk + (size_t)i * PAGE;

        if (blockindex_hash(d->key, p) == w[i].hash)
            continue;
        d->number[missed] = i;
        d->page[missed++] = p;
    }
    return missed ?
        d->opt.ask(d->opt.opaque, d->number, d->page, missed) : 0;
}

/* Using commands */

static int put_entries(struct memdecoder *d, struct reading *r, uint64_t left)
{
    uint64_t first, count, i;
    uint8_t *out;
    int rc = 0;

    while (left > 0 && !rc) {
        if (!next_entries(r, &left, &first, &count))
            return -EPROTO;
        for (i = 0; i < count && !rc; i++) {
            out = room(d, 8, &rc);
            if (out)
                put_le64(out, first + i);
        }
    }
    return rc;
}

static int put_filled(struct memdecoder *d, uint64_t word, uint64_t count)
{
    uint8_t *out;
    uint64_t i;
    size_t at;
    int rc = 0;

    for (i = 0; i < count && !rc; i++) {
        out = room(d, PAGE, &rc);
        if (!out)
            break;
        put_le64(out, word);
        for (at = 8; at < PAGE; at *= 2)
            memcpy(out + at, out, at);
    }
    return rc;
}

static int put_repeated(struct memdecoder *d, const struct command *c)
{
    uint64_t i;
    int rc = 0;

    for (i = c->first; i < c->first + c->count && !rc; i++)
        rc = d->slot[i] ? put(d, d->slot[i], PAGE) : -EPROTO;
    return rc;
}

static int make_slot(struct memdecoder *d, uint8_t **slot)
{
    int rc = *slot ? 0 : budget_take(d->opt.budget, PAGE,
                                     "pages of the guest's memory");

    if (rc || *slot)
        return rc;
    *slot = malloc(PAGE);
    if (!*slot)
        budget_give(d->opt.budget, PAGE);
    return *slot ? 0 : -ENOMEM;
}

static int put_literal(struct memdecoder *d, const struct command *c)
{
    uint64_t i;
    int rc;

    for (i = 0; i < c->count; i++) {
        uint8_t **slot = &d->slot[c->first + i];

        rc = make_slot(d, slot);
        if (rc)
            return rc;
        memcpy(*slot, c->data + i * PAGE, PAGE);
    }
    return put(d, c->data, c->count * PAGE);
}

static int put_difference(struct memdecoder *d, const struct command *c)
{
    struct cursor r = CURSOR_INIT(c->data, c->count);
    uint8_t *slot = d->slot[c->first];
    const uint8_t *bytes;
    uint64_t at = 0, skip, n;

    if (!slot)
        return -EPROTO;
    while (cursor_left(&r) > 0) {
        skip = cursor_varint(&r);
        n = cursor_varint(&r);
        if (r.bad || skip > PAGE - at || n > PAGE - at - skip)
            return -EPROTO;
        bytes = cursor_get(&r, n);
        if (!bytes)
            return -EPROTO;
        memcpy(slot + at + skip, bytes, n);
        at += skip + n;
    }
    return put(d, slot, PAGE);
}

static int use(struct memdecoder *d, struct reading *r,
               const struct command *c, uint32_t disk_page)
{
    switch (c->op) {
    case MEMORY_RAW:
        return put(d, c->data, c->count);
    case MEMORY_ENTRIES:
        return put_entries(d, r, c->count);
    case MEMORY_ZERO:
    case MEMORY_FILL:
        return put_filled(d, c->first, c->count);
    case MEMORY_REPEAT:
        return put_repeated(d, c);
    case MEMORY_DISK:
        return put(d, d->disk + (size_t)disk_page * PAGE, c->count * PAGE);
    case MEMORY_DIFFERENCE:
        return put_difference(d, c);
    case MEMORY_LITERAL:
        return put_literal(d, c);
    }
    return -EPROTO;
}

int memdecoder_frame(struct memdecoder *d, const void *data, size_t length)
{
    struct reading r;
    struct command c;
    uint32_t disk_pages = 0;
    int rc = examine(d, data, length, &disk_pages);

    if (!rc)
        rc = fetch(d, disk_pages);
    if (rc || !begin(&r, data, length))
        return rc ? rc : -EPROTO;
    while (!rc && cursor_left(&r.commands) > 0) {
        disk_pages = r.disk_pages;
        rc = next_command(&r, &c) ? use(d, &r, &c, disk_pages) : -EPROTO;
    }
    return rc ? rc : flush(d);
}
