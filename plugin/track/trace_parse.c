/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bytes of the kernel's tracing; see trace_parse.h. */
#include "config.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>

#include "plugin/track/trace_parse.h"

/* header.size has 16 bits. */
#define RECORD_MAX 65536u
/* A field's end must lie within what a record can hold. */
#define FIELD_END_MAX 4096u

/* Whether the declaration ("unsigned int nr_sector", "char rwbs[8]") is of
 * this name. */
static bool declares(const char *declaration, size_t length, const char *name)
{
    size_t n = strlen(name);
    const char *start = declaration + length;

    if (length && start[-1] == ']') {
        while (start > declaration && *start != '[')
            start--;
    }
    if ((size_t)(start - declaration) <= n)
        return false;
    start -= n;
    return !memcmp(start, name, n) && start[-1] == ' ';
}

/* Finds the line "\tfield:DECLARATION;\toffset:8;\tsize:4;\tsigned:0;". */
static int find_field(const char *text, const char *name,
                      struct trace_field *f_r)
{
    static const char mark[] = "\tfield:";
    const char *p = text, *end;

    while ((p = strstr(p, mark))) {
        p += sizeof(mark) - 1;
        end = strchr(p, ';');
        if (!end)
            return -EBADMSG;
        if (!declares(p, end - p, name))
            continue;
        if (sscanf(end, "; offset:%u; size:%u;", &f_r->offset,
                   &f_r->size) != 2 ||
            f_r->size < 1 || f_r->size > FIELD_END_MAX ||
            f_r->offset > FIELD_END_MAX - f_r->size)
            return -EBADMSG;
        return 0;
    }
    return -EBADMSG;
}

static bool is_number(const struct trace_field *f)
{
    return f->size == 2 || f->size == 4 || f->size == 8;
}

int trace_format_parse(struct trace_format *f, const char *text)
{
    const char *id = strstr(text, "\nID:");
    int rc;

    memset(f, 0, sizeof(*f));
    if (!id || sscanf(id, "\nID: %u", &f->id) != 1)
        return -EBADMSG;
    rc = find_field(text, "common_type", &f->type);
    if (!rc)
        rc = find_field(text, "dev", &f->dev);
    if (!rc)
        rc = find_field(text, "sector", &f->sector);
    if (!rc)
        rc = find_field(text, "nr_sector", &f->nr_sector);
    if (!rc)
        rc = find_field(text, "rwbs", &f->rwbs);
    if (!rc && (!is_number(&f->type) || !is_number(&f->dev) ||
                !is_number(&f->sector) || !is_number(&f->nr_sector) ||
                f->rwbs.size < 2))
        rc = -EBADMSG;
    return rc;
}

static uint64_t number(const uint8_t *raw, const struct trace_field *f)
{
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;

    switch (f->size) {
    case 2:
        memcpy(&u16, raw + f->offset, 2);
        return u16;
    case 4:
        memcpy(&u32, raw + f->offset, 4);
        return u32;
    default:
        memcpy(&u64, raw + f->offset, 8);
        return u64;
    }
}

/* "F" in front is a flush that precedes; then the operation; then flags. */
static enum trace_op operation(const char *rwbs, uint64_t sectors)
{
    if (rwbs[0] == 'F' && rwbs[1])
        rwbs++;
    switch (rwbs[0]) {
    case 'R':
        return TRACE_READ;
    case 'W':
        return TRACE_WRITE;
    case 'D':
        return TRACE_DISCARD;
    case 'F':
        return sectors ? TRACE_OTHER : TRACE_FLUSH;
    default:
        return TRACE_OTHER;
    }
}

static bool fits(const struct trace_field *f, size_t length)
{
    return f->offset + f->size <= length;
}

int trace_event_decode(struct trace_event *e, const struct trace_format *f,
                       const uint8_t *raw, size_t length)
{
    char rwbs[3] = "";

    if (!fits(&f->type, length) || !fits(&f->dev, length) ||
        !fits(&f->sector, length) || !fits(&f->nr_sector, length) ||
        !fits(&f->rwbs, length) || number(raw, &f->type) != f->id)
        return -EBADMSG;
    e->dev = number(raw, &f->dev);
    e->sector = number(raw, &f->sector);
    e->sectors = number(raw, &f->nr_sector);
    memcpy(rwbs, raw + f->rwbs.offset, 2);
    e->op = operation(rwbs, e->sectors);
    return 0;
}

static void copy_out(const uint8_t *data, size_t size, uint64_t at, void *to,
                     size_t length)
{
    size_t start = at & (size - 1);
    size_t first = length < size - start ? length : size - start;

    memcpy(to, data + start, first);
    memcpy((uint8_t *)to + first, data, length - first);
}

static int take_record(const uint8_t *record, size_t size,
                       struct trace_counts *counts,
                       int (*sample)(void *opaque, const uint8_t *raw,
                                     size_t length),
                       void *opaque)
{
    struct perf_event_header h;
    uint64_t lost;
    uint32_t raw;

    memcpy(&h, record, sizeof(h));
    switch (h.type) {
    case PERF_RECORD_SAMPLE:
        if (size < sizeof(h) + sizeof(raw))
            return -EBADMSG;
        memcpy(&raw, record + sizeof(h), sizeof(raw));
        if (raw > size - sizeof(h) - sizeof(raw))
            return -EBADMSG;
        counts->samples++;
        return sample(opaque, record + sizeof(h) + sizeof(raw), raw);
    case PERF_RECORD_LOST:              /* header, id, lost */
        if (size < sizeof(h) + 16)
            return -EBADMSG;
        memcpy(&lost, record + sizeof(h) + 8, sizeof(lost));
        counts->lost += lost;
        return 0;
    case PERF_RECORD_THROTTLE:
    case PERF_RECORD_UNTHROTTLE:
        counts->throttled++;
        return 0;
    default:
        return -EBADMSG;                /* we have not asked for others */
    }
}

int trace_ring_parse(const uint8_t *data, size_t size, uint64_t *tail,
                     uint64_t head, struct trace_counts *counts,
                     int (*sample)(void *opaque, const uint8_t *raw,
                                   size_t length),
                     void *opaque)
{
    struct perf_event_header h;
    uint8_t record[RECORD_MAX];
    int rc;

    if (head - *tail > size)
        return -EBADMSG;
    while (*tail != head) {
        if (head - *tail < sizeof(h))
            return -EBADMSG;
        copy_out(data, size, *tail, &h, sizeof(h));
        if (h.size < sizeof(h) || h.size % 8 || h.size > head - *tail)
            return -EBADMSG;
        copy_out(data, size, *tail, record, h.size);
        rc = take_record(record, h.size, counts, sample, opaque);
        if (rc)
            return rc;
        *tail += h.size;
    }
    return 0;
}
