/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taking the stream of a saved guest apart; see memstream.h. */
#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "plugin/base/bytes.h"
#include "plugin/memory/memstream.h"

enum {
    LIBXL_END = 0,
    LIBXL_LIBXC_CONTEXT = 1,
    LIBXL_CHECKPOINT_END = 4,
    LIBXC_END = 0,
    LIBXC_PAGE_DATA = 1,
    LIBXC_CHECKPOINT = 14,
};

#define RECORD_HEADER 8u
#define PAGE_HEADER 8u

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/* The next state, and how many bytes it wants at once. */
static void go(struct memstream *s, enum memstream_state state)
{
    s->state = state;
    s->have = 0;
    switch (state) {
    case MEMSTREAM_LIBXL_HEADER:
    case MEMSTREAM_DOMAIN_HEADER:
        s->need = 16;
        break;
    case MEMSTREAM_LIBXC_HEADER:
        s->need = 24;
        break;
    case MEMSTREAM_ENTRY_LIST:
        s->need = s->count * 8;
        break;
    case MEMSTREAM_PAGES:
        s->need = MEMSTREAM_PAGE;
        break;
    default:
        s->need = RECORD_HEADER;
    }
}

void memstream_init(struct memstream *s, const struct memstream_events *events,
                    void *opaque)
{
    memset(s, 0, sizeof(*s));
    s->events = events;
    s->opaque = opaque;
    go(s, MEMSTREAM_LIBXL_HEADER);
}

/* A record's body of length bytes and its padding, then on with next. */
static void go_body(struct memstream *s, uint64_t length,
                    enum memstream_state next)
{
    s->left = (length + 7) & ~UINT64_C(7);
    s->next_state = next;
    go(s, s->left ? MEMSTREAM_BODY : next);
}

static void libxl_header(struct memstream *s, const uint8_t *p)
{
    bool known = !memcmp(p, "LibxlFmt", 8) && be32(p + 8) == 2 &&
        !(be32(p + 12) & 1);        /* big endian */

    go(s, known ? MEMSTREAM_LIBXL_RECORD : MEMSTREAM_PASS);
}

static void libxl_record(struct memstream *s, const uint8_t *p)
{
    uint32_t type = get_le32(p), length = get_le32(p + 4);

    if (type == LIBXL_END)
        go(s, MEMSTREAM_PASS);
    else if (type == LIBXL_LIBXC_CONTEXT)
        go_body(s, length, MEMSTREAM_LIBXC_HEADER);
    else if (type == LIBXL_CHECKPOINT_END)
        /* libxc goes on with records. */
        go_body(s, length, MEMSTREAM_LIBXC_RECORD);
    else
        go_body(s, length, MEMSTREAM_LIBXL_RECORD);
}

static void libxc_header(struct memstream *s, const uint8_t *p)
{
    static const uint8_t marker[8] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    };
    uint32_t version = be32(p + 12);
    bool known = !memcmp(p, marker, 8) && be32(p + 8) == 0x58454e46 &&
        (version == 2 || version == 3) && !(p[17] & 1);

    go(s, known ? MEMSTREAM_DOMAIN_HEADER : MEMSTREAM_PASS);
}

static void domain_header(struct memstream *s, const uint8_t *p)
{
    bool known = p[4] == 12 && p[5] == 0;       /* page_shift */

    go(s, known ? MEMSTREAM_LIBXC_RECORD : MEMSTREAM_PASS);
}

static void libxc_record(struct memstream *s, const uint8_t *p)
{
    uint32_t type = get_le32(p), length = get_le32(p + 4);

    if (type == LIBXC_END || type == LIBXC_CHECKPOINT) {
        go_body(s, length, MEMSTREAM_LIBXL_RECORD);
    } else if (type == LIBXC_PAGE_DATA && length >= PAGE_HEADER) {
        s->left = length;
        go(s, MEMSTREAM_PAGE_HEADER);
    } else {
        go_body(s, length, MEMSTREAM_LIBXC_RECORD);
    }
}

static void page_header(struct memstream *s, const uint8_t *p)
{
    s->count = get_le32(p);
    s->left -= PAGE_HEADER;
    if (s->count == 0 || s->count > MEMSTREAM_ENTRIES ||
        s->count * 8 > s->left)
        go_body(s, s->left, MEMSTREAM_LIBXC_RECORD);
    else
        go(s, MEMSTREAM_ENTRY_LIST);
}

/* BROKEN, XALLOC and XTAB have no page in the stream.  What is not defined
 * has one or not, as the record's length tells. */
static bool has_page(uint64_t entry)
{
    return entry >> 60 < 0xd;
}

/* Goes to the entry whose page comes next, if any. */
static void next_page(struct memstream *s)
{
    while (s->next_entry < s->count && !has_page(s->entry[s->next_entry]))
        s->next_entry++;
    go(s, s->next_entry < s->count ? MEMSTREAM_PAGES :
       MEMSTREAM_LIBXC_RECORD);
}

static void entry_list(struct memstream *s, const uint8_t *p)
{
    uint64_t pages = 0;
    uint32_t i;

    for (i = 0; i < s->count; i++) {
        s->entry[i] = get_le64(p + i * 8);
        pages += has_page(s->entry[i]);
    }
    s->left -= s->count * 8;
    s->next_entry = 0;
    if (pages * MEMSTREAM_PAGE == s->left)
        next_page(s);
    else
        go_body(s, s->left, MEMSTREAM_LIBXC_RECORD);
}

/* Takes the s->need bytes that the state wanted. */
static int take(struct memstream *s, const uint8_t *p)
{
    static void (*const headers[])(struct memstream *, const uint8_t *) = {
        [MEMSTREAM_LIBXL_HEADER] = libxl_header,
        [MEMSTREAM_LIBXL_RECORD] = libxl_record,
        [MEMSTREAM_LIBXC_HEADER] = libxc_header,
        [MEMSTREAM_DOMAIN_HEADER] = domain_header,
        [MEMSTREAM_LIBXC_RECORD] = libxc_record,
        [MEMSTREAM_PAGE_HEADER] = page_header,
    };
    int rc;

    if (s->state == MEMSTREAM_PAGES) {
        rc = s->events->page(s->opaque, s->entry[s->next_entry], p);
        s->next_entry++;
        next_page(s);
    } else if (s->state == MEMSTREAM_ENTRY_LIST) {
        rc = s->events->entries(s->opaque, p, s->count);
        entry_list(s, p);
    } else {
        rc = s->events->bytes(s->opaque, p, s->need);
        headers[s->state](s, p);
    }
    return rc;
}

/* Hands bytes on; returns how many of those there are. */
static size_t pass(struct memstream *s, const uint8_t *p, size_t length,
                   int *rc)
{
    size_t n = length;

    if (s->state == MEMSTREAM_BODY && n > s->left)
        n = s->left;
    *rc = s->events->bytes(s->opaque, p, n);
    if (s->state == MEMSTREAM_BODY) {
        s->left -= n;
        if (!s->left)
            go(s, s->next_state);
    }
    return n;
}

int memstream_feed(struct memstream *s, const void *data, size_t length)
{
    const uint8_t *p = data;
    size_t n;
    int rc = 0;

    while (length > 0 && !rc) {
        if (s->state == MEMSTREAM_BODY || s->state == MEMSTREAM_PASS) {
            n = pass(s, p, length, &rc);
        } else if (s->have == 0 && length >= s->need) {
            n = s->need;
            rc = take(s, p);
        } else {
            n = s->need - s->have < length ? s->need - s->have : length;
            memcpy(s->part + s->have, p, n);
            s->have += n;
            if (s->have == s->need)
                rc = take(s, s->part);
        }
        p += n;
        length -= n;
    }
    return rc;
}

int memstream_finish(struct memstream *s)
{
    size_t have = s->have;

    go(s, MEMSTREAM_PASS);
    return have ? s->events->bytes(s->opaque, s->part, have) : 0;
}
