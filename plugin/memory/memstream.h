/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes apart the stream by which libxl saves a guest: the libxl stream
 * (version 2) and the libxc stream in it (versions 2 and 3), as specified in
 * docs/specs of the Xen tree.
 *
 * Only PAGE_DATA records are looked into.  All other records, and whatever is
 * not understood, are handed on as bytes; from the point where the stream
 * cannot be followed any more, all of it is.  So the events, written one
 * after the other, are always exactly the bytes that were fed, and what is
 * fed is trusted for nothing.
 */
#ifndef PLUGIN_MEMORY_MEMSTREAM_H
#define PLUGIN_MEMORY_MEMSTREAM_H

#include <stddef.h>
#include <stdint.h>

#define MEMSTREAM_PAGE 4096u
/* Pages in a record (libxc: 1024); one with more is passed as bytes. */
#define MEMSTREAM_ENTRIES 4096u
/* The bits of an entry that are the page's number. */
#define MEMSTREAM_PFN ((UINT64_C(1) << 52) - 1)

/* What the stream consists of, in order.  A non-zero return ends the feeding
 * and is what it returns. */
struct memstream_events {
    int (*bytes)(void *opaque, const void *data, size_t length);
    /* The pfn array of a PAGE_DATA record: count little-endian u64. */
    int (*entries)(void *opaque, const uint8_t *entries, size_t count);
    /* A page, and its entry. */
    int (*page)(void *opaque, uint64_t entry, const uint8_t *data);
};

enum memstream_state {
    MEMSTREAM_LIBXL_HEADER,
    MEMSTREAM_LIBXL_RECORD,
    MEMSTREAM_LIBXC_HEADER,
    MEMSTREAM_DOMAIN_HEADER,
    MEMSTREAM_LIBXC_RECORD,
    MEMSTREAM_PAGE_HEADER,
    MEMSTREAM_ENTRY_LIST,
    MEMSTREAM_PAGES,
    MEMSTREAM_BODY,             /* bytes, then on with next_state */
    MEMSTREAM_PASS,             /* bytes to the end */
};

struct memstream {
    const struct memstream_events *events;
    void *opaque;
    enum memstream_state state;
    enum memstream_state next_state;
    uint64_t left;              /* of a record's body */
    uint32_t count;             /* entries of the record */
    uint32_t next_entry;        /* the one whose page comes, or one before it
                                   that has no page */
    size_t need;                /* bytes that the state wants at once */
    size_t have;
    uint8_t part[MEMSTREAM_ENTRIES * 8];    /* collects them */
    uint64_t entry[MEMSTREAM_ENTRIES];
};

/* Borrows events. */
void memstream_init(struct memstream *s, const struct memstream_events *events,
                    void *opaque);

/* Takes the next bytes, in any pieces.  A page, list or header of which only
 * a part was fed is kept until the rest comes.  0, or what an event
 * returned. */
int memstream_feed(struct memstream *s, const void *data, size_t length);

/* The stream has ended: hands on what is kept, as bytes.  Returns the same. */
int memstream_finish(struct memstream *s);

#endif
