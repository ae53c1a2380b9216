/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ntfs_plain: see ntfs_plain.h.
 */
#include "config.h"

#include <stdbool.h>

#include "fsparse/ntfs_names.h"
#include "fsparse/ntfs_plain.h"

static void emit_content(ntfs_attr *na, const struct window *w,
                         struct emit *e)
{
    static uint8_t buf[RECORD_MAX];     /* a multiple of compression units */
    const uint64_t missing = w->missing;
    s64 at, n;

    for (at = 0; at < na->data_size; at += n) {
        n = ntfs_attr_pread(na, at, sizeof(buf), buf);
        /* The window's zeros would decompress to something. */
        if (n <= 0 || n > (s64)sizeof(buf) || n > na->data_size - at ||
            w->missing != missing)
            return;
        emit_data(e, buf, (size_t)n);
    }
}

static void emit_stream(ntfs_inode *ni, ntfschar *name, uint32_t length,
                        const struct window *w, struct emit *e,
                        const struct ntfs_want *want)
{
    ntfs_attr *na = ntfs_attr_open(ni, AT_DATA, length ? name : AT_UNNAMED,
                                   length);

    if (!na)
        return;
    if (NAttrNonResident(na) && na->data_flags & ATTR_COMPRESSION_MASK &&
        na->data_size >= 0 && (uint64_t)na->data_size <= want->most) {
        emit_plain(e, want->number, (uint64_t)na->data_size);
        emit_content(na, w, e);
    }
    ntfs_attr_close(na);
}

/* Whether the attribute is the stream's first part.  Names are compared as
 * the map has them. */
static bool is_wanted(const ATTR_RECORD *a, const struct ntfs_want *want)
{
    const char *name = (const char *)a + le16_to_cpu(a->name_offset);
    char buf[RECORD_STRING_MAX];

    return a->non_resident && !a->lowest_vcn &&
           ntfs_names_utf8(name, a->name_length, buf, sizeof(buf)) &&
           strcmp(buf, want->stream) == 0;
}

void ntfs_plain(ntfs_volume *vol, struct window *w, struct emit *e,
                const struct ntfs_want *want)
{
    ntfs_inode *ni = ntfs_inode_open(vol, want->record);
    ntfs_attr_search_ctx *ctx;

    if (!ni)
        return;
    ctx = ntfs_attr_get_search_ctx(ni, NULL);
    while (ctx && !ntfs_attr_lookup(AT_DATA, NULL, 0, CASE_SENSITIVE, 0, NULL,
                                    0, ctx)) {
        ATTR_RECORD *a = ctx->attr;

        if (is_wanted(a, want)) {
            emit_stream(ni, (ntfschar *)((char *)a +
                                         le16_to_cpu(a->name_offset)),
                        a->name_length, w, e, want);
            break;
        }
    }
    if (ctx)
        ntfs_attr_put_search_ctx(ctx);
    ntfs_inode_close(ni);
}
