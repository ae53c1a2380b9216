/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Emit: see emit.h.  One buffer; a record begins with room for the largest
 * one after it, so that putting into it needs no checks but the strings'.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fsparse/emit.h"
#include "fsparse/record.h"

struct emit {
    int fd;
    size_t used;
    size_t record;              /* where the open record's header lies */
    struct fsparse_extent extents[RECORD_EXTENTS_MAX];
    size_t n_extents;
    uint8_t buf[2 * (RECORD_MAX + sizeof(struct record_header))];
};

static void flush(struct emit *e)
{
    size_t done = 0;

    while (done < e->used) {
        ssize_t n = write(e->fd, e->buf + done, e->used - done);

        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            _exit(1);
    }
    e->used = 0;
}

static void put(struct emit *e, const void *data, size_t length)
{
    if (length)
        memcpy(e->buf + e->used, data, length);
    e->used += length;
}

static void put_u32(struct emit *e, uint32_t v)
{
    put(e, &v, sizeof(v));
}

static void put_u64(struct emit *e, uint64_t v)
{
    put(e, &v, sizeof(v));
}

static void put_string(struct emit *e, const char *s, size_t max)
{
    uint16_t length = (uint16_t)strnlen(s, max);

    put(e, &length, sizeof(length));
    put(e, s, length);
}

static void begin(struct emit *e, enum record_type type)
{
    struct record_header h = { .type = type };

    if (sizeof(e->buf) - e->used < RECORD_MAX + sizeof(h))
        flush(e);
    e->record = e->used;
    put(e, &h, sizeof(h));
}

static void end(struct emit *e)
{
    struct record_header h;

    memcpy(&h, e->buf + e->record, sizeof(h));
    h.length = (uint32_t)(e->used - e->record - sizeof(h));
    memcpy(e->buf + e->record, &h, sizeof(h));
}

static void flush_extents(struct emit *e)
{
    if (!e->n_extents)
        return;
    begin(e, RECORD_EXTENTS);
    put(e, e->extents, e->n_extents * sizeof(e->extents[0]));
    end(e);
    e->n_extents = 0;
}

struct emit *emit_new(int fd)
{
    struct emit *e = calloc(1, sizeof(*e));

    if (!e)
        return NULL;
    e->fd = fd;
    put(e, RECORD_MAGIC, RECORD_MAGIC_BYTES);
    return e;
}

void emit_partition(struct emit *e, const struct fsparse_partition *p)
{
    begin(e, RECORD_PARTITION);
    put_u32(e, p->number);
    put_u64(e, p->start);
    put_u64(e, p->length);
    put_string(e, p->scheme, RECORD_STRING_MAX);
    put_string(e, p->type, RECORD_STRING_MAX);
    put_string(e, p->fstype, RECORD_STRING_MAX);
    put_string(e, p->label, RECORD_STRING_MAX);
    end(e);
}

void emit_file(struct emit *e, const struct fsparse_file *f)
{
    flush_extents(e);
    begin(e, RECORD_FILE);
    put_u32(e, f->partition);
    put_u32(e, f->flags);
    put_u64(e, f->inode);
    put_u64(e, f->size);
    put_u64(e, (uint64_t)f->changed);
    put_string(e, f->path, RECORD_PATH_MAX);
    put_string(e, f->stream, RECORD_STRING_MAX);
    if (f->flags & FSPARSE_INLINE)
        put(e, f->inline_data, f->size);
    end(e);
}

void emit_extent(struct emit *e, const struct window *w, uint64_t logical,
                 uint64_t place, uint64_t length)
{
    struct fsparse_extent *last;

    if (place >= w->length) {
        emit_cut(e);
        return;
    }
    if (e->n_extents) {
        last = &e->extents[e->n_extents - 1];
        if (last->logical + last->length == logical &&
            last->physical + last->length == w->offset + place) {
            last->length += length;
            return;
        }
    }
    if (e->n_extents == RECORD_EXTENTS_MAX)
        flush_extents(e);
    last = &e->extents[e->n_extents++];
    last->logical = logical;
    last->physical = w->offset + place;
    last->length = length;
}

void emit_cut(struct emit *e)
{
    flush_extents(e);
    begin(e, RECORD_FLAGS);
    put_u32(e, FSPARSE_CUT);
    end(e);
}

void emit_parsed(struct emit *e, unsigned partition)
{
    flush_extents(e);
    begin(e, RECORD_PARSED);
    put_u32(e, partition);
    end(e);
}

static void emit_text(struct emit *e, enum record_type type,
                      unsigned partition, const char *text)
{
    flush_extents(e);
    begin(e, type);
    put_u32(e, partition);
    put_string(e, text, RECORD_STRING_MAX);
    end(e);
}

void emit_note(struct emit *e, unsigned partition, const char *text)
{
    emit_text(e, RECORD_NOTE, partition, text);
}

void emit_doubt(struct emit *e, unsigned partition, const char *text)
{
    emit_text(e, RECORD_DOUBT, partition, text);
}

void emit_free(struct emit *e, unsigned partition, uint64_t start,
               uint64_t length)
{
    flush_extents(e);
    begin(e, RECORD_FREE);
    put_u32(e, partition);
    put_u64(e, start);
    put_u64(e, length);
    end(e);
}

void emit_plain(struct emit *e, uint32_t number, uint64_t size)
{
    begin(e, RECORD_PLAIN);
    put_u32(e, number);
    put_u64(e, size);
    end(e);
}

void emit_data(struct emit *e, const void *data, size_t length)
{
    begin(e, RECORD_DATA);
    put(e, data, length);
    end(e);
}

void emit_refused(struct emit *e, const char *text)
{
    begin(e, RECORD_REFUSED);
    put_string(e, text, RECORD_STRING_MAX);
    end(e);
    flush(e);
    free(e);
}

void emit_end(struct emit *e)
{
    flush_extents(e);
    begin(e, RECORD_END);
    end(e);
    flush(e);
    free(e);
}
