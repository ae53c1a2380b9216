/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ntfs: see ntfs.h.
 *
 * Reads the MFT from its start to its end, opens every base record in use and
 * emits each of its $DATA attributes: one file a stream.  Attribute lists are
 * libntfs-3g's business.  The first 24 records and what lies in /$Extend are
 * the volume's metadata, thus residual: $UsnJrnl and the transaction logs
 * differ in every copy anyway.
 *
 * The volume may be torn or hostile: a record that libntfs-3g rejects is
 * counted and skipped, a run it cannot map cuts the file.
 */
#include "config.h"

#include <stdlib.h>

#include "fsparse/ntfs.h"
#include "fsparse/ntfs_bitmap.h"
#include "fsparse/ntfs_check.h"
#include "fsparse/ntfs_device.h"
#include "fsparse/ntfs_names.h"
#include "fsparse/ntfs_public.h"
#include "fsparse/record.h"

#define BATCH 64                /* records read at once */
#define STREAM_BYTES (255 * 3 + 1)
#define TIME_SECOND 10000000            /* in NTFS' time, which begins 1601 */
#define TIME_1970 INT64_C(11644473600)  /* seconds */

struct ntfs {
    ntfs_volume *vol;
    struct window *w;
    struct emit *e;
    unsigned partition;
    struct ntfs_names *names;
    uint64_t unread;            /* records and streams that failed */
    char path[RECORD_PATH_MAX + 1];
    char stream[STREAM_BYTES];
};

static void emit_resident(struct ntfs *n, struct fsparse_file *f,
                          const ntfs_attr_search_ctx *ctx)
{
    const ATTR_RECORD *a = ctx->attr;
    uint64_t place = (uint64_t)((const char *)a - (const char *)ctx->mrec);
    uint32_t offset = le16_to_cpu(a->value_offset);

    f->size = le32_to_cpu(a->value_length);
    if (f->size > RECORD_INLINE_MAX ||
        place + offset + f->size > n->vol->mft_record_size) {
        n->unread++;
        return;
    }
    f->flags |= FSPARSE_INLINE;
    f->inline_data = (const uint8_t *)a + offset;
    emit_file(n->e, f);
}

/* A run in bytes, limited to the first `limit` of the content.  False: it
 * is not representable. */
static bool run_bytes(const ntfs_volume *vol, const runlist_element *rl,
                      uint64_t limit, struct fsparse_extent *x)
{
    const int64_t max = INT64_MAX >> vol->cluster_size_bits;

    if (rl->vcn < 0 || rl->vcn > max || rl->lcn < 0 || rl->lcn > max ||
        rl->length > max - rl->vcn)
        return false;
    x->logical = (uint64_t)rl->vcn << vol->cluster_size_bits;
    x->physical = (uint64_t)rl->lcn << vol->cluster_size_bits;
    x->length = (uint64_t)rl->length << vol->cluster_size_bits;
    if (x->logical >= limit)
        x->length = 0;
    else if (x->length > limit - x->logical)
        x->length = limit - x->logical;
    return true;
}

static void emit_runs(struct ntfs *n, const runlist_element *rl,
                      uint64_t limit)
{
    struct fsparse_extent x;

    for (; rl && rl->length > 0; rl++) {
        if (rl->lcn == LCN_HOLE)
            continue;
        if (!run_bytes(n->vol, rl, limit, &x))
            emit_cut(n->e);
        else if (x.length)
            emit_extent(n->e, n->w, x.logical, x.physical, x.length);
    }
}

/* Compressed: the clusters as they lie, without the holes between them. */
static void emit_compressed(struct ntfs *n, struct fsparse_file *f,
                            const runlist_element *first)
{
    const runlist_element *rl;
    struct fsparse_extent x;
    uint64_t logical = 0;

    f->size = 0;
    for (rl = first; rl && rl->length > 0; rl++)
        if (run_bytes(n->vol, rl, UINT64_MAX, &x) &&
            f->size <= INT64_MAX - x.length)
            f->size += x.length;
    f->flags |= FSPARSE_COMPRESSED;
    emit_file(n->e, f);
    for (rl = first; rl && rl->length > 0 && logical < f->size; rl++) {
        if (!run_bytes(n->vol, rl, UINT64_MAX, &x))
            continue;
        emit_extent(n->e, n->w, logical, x.physical, x.length);
        logical += x.length;
    }
}

static void emit_mapped(struct ntfs *n, struct fsparse_file *f,
                        ntfs_attr *na)
{
    bool whole = ntfs_attr_map_whole_runlist(na) == 0;
    /* Behind the initialized size the content is zero, whatever the
     * clusters hold. */
    s64 limit = na->initialized_size < na->data_size ? na->initialized_size :
                na->data_size;

    if (na->data_size < 0 || limit < 0) {
        n->unread++;
        return;
    }
    if (na->data_flags & ATTR_IS_ENCRYPTED)
        f->flags |= FSPARSE_ENCRYPTED;
    if (na->data_flags & ATTR_COMPRESSION_MASK) {
        emit_compressed(n, f, na->rl);
    } else {
        f->size = (uint64_t)na->data_size;
        emit_file(n->e, f);
        emit_runs(n, na->rl, (uint64_t)limit);
    }
    if (!whole)
        emit_cut(n->e);
}

static void emit_stream(struct ntfs *n, ntfs_inode *ni,
                        const ntfs_attr_search_ctx *ctx)
{
    const ATTR_RECORD *a = ctx->attr;
    ntfschar *name = (ntfschar *)((char *)ctx->attr +
                                  le16_to_cpu(a->name_offset));
    struct fsparse_file f = {
        .partition = n->partition,
        .path = n->path,
        .stream = n->stream,
        .inode = ni->mft_no,
        .changed = sle64_to_cpu(ni->last_mft_change_time) / TIME_SECOND -
            TIME_1970,
        .flags = ntfs_path_public(n->path) ? FSPARSE_PUBLIC : 0,
    };
    ntfs_attr *na;

    if (!ntfs_names_utf8(name, a->name_length, n->stream,
                         sizeof(n->stream))) {
        n->unread++;
        return;
    }
    if (!a->non_resident) {
        emit_resident(n, &f, ctx);
        return;
    }
    if (a->lowest_vcn)          /* a part of a stream that was emitted */
        return;
    na = ntfs_attr_open(ni, AT_DATA, a->name_length ? name : AT_UNNAMED,
                        a->name_length);
    if (!na) {
        n->unread++;
        return;
    }
    emit_mapped(n, &f, na);
    ntfs_attr_close(na);
}

static void parse_record(struct ntfs *n, uint64_t record)
{
    ntfs_attr_search_ctx *ctx;
    ntfs_inode *ni = ntfs_inode_open(n->vol, record);

    if (!ni) {
        n->unread++;
        return;
    }
    ctx = ntfs_attr_get_search_ctx(ni, NULL);
    if (ctx && (!ntfs_names_path(n->names, ni, n->path, sizeof(n->path)) ||
                strncmp(n->path, "/$Extend/", 9) != 0)) {
        while (!ntfs_attr_lookup(AT_DATA, NULL, 0, CASE_SENSITIVE, 0, NULL, 0,
                                 ctx))
            emit_stream(n, ni, ctx);
        if (errno != ENOENT)
            n->unread++;
    }
    if (ctx)
        ntfs_attr_put_search_ctx(ctx);
    ntfs_inode_close(ni);
}

static bool is_base(const MFT_RECORD *m)
{
    return ntfs_is_file_record(m->magic) && m->flags & MFT_RECORD_IN_USE &&
           !m->base_mft_record;
}

static void parse_records(struct ntfs *n, uint64_t n_records, char *batch)
{
    const size_t size = n->vol->mft_record_size;
    uint64_t first, i, count;

    for (first = FILE_first_user; first < n_records; first += count) {
        count = n_records - first < BATCH ? n_records - first : BATCH;
        if (ntfs_mft_records_read(n->vol, first, (s64)count,
                                  (MFT_RECORD *)batch)) {
            n->unread++;
            continue;
        }
        for (i = 0; i < count; i++) {
            const char *m = batch + i * size;

            if (!is_base((const MFT_RECORD *)m))
                continue;
            if (ntfs_check_record((const uint8_t *)m, size))
                parse_record(n, first + i);
            else
                n->unread++;
        }
    }
}

/* Says so if the guest has the volume open; -1 if it cannot be found out. */
static int is_dirty(ntfs_volume *vol)
{
    ntfs_inode *ni = ntfs_inode_open(vol, FILE_Volume);
    ntfs_attr_search_ctx *ctx;
    int dirty = -1;

    if (!ni)
        return -1;
    ctx = ntfs_attr_get_search_ctx(ni, NULL);
    if (ctx && !ntfs_attr_lookup(AT_VOLUME_INFORMATION, AT_UNNAMED, 0,
                                 CASE_SENSITIVE, 0, NULL, 0, ctx) &&
        !ctx->attr->non_resident &&
        le32_to_cpu(ctx->attr->value_length) >= sizeof(VOLUME_INFORMATION) &&
        le16_to_cpu(ctx->attr->value_offset) + sizeof(VOLUME_INFORMATION) <=
        le32_to_cpu(ctx->attr->length)) {
        const VOLUME_INFORMATION *info = (const VOLUME_INFORMATION *)
            ((char *)ctx->attr + le16_to_cpu(ctx->attr->value_offset));

        dirty = (info->flags & (VOLUME_IS_DIRTY |
                                VOLUME_CHKDSK_UNDERWAY)) != 0;
    }
    if (ctx)
        ntfs_attr_put_search_ctx(ctx);
    ntfs_inode_close(ni);
    return dirty;
}

/* Returns whether all of it could be read. */
static bool parse_volume(struct ntfs *n)
{
    /* What the window cannot hold is not there, whatever $MFT claims; the
     * tables that follow are as large as this number. */
    uint64_t size = (uint64_t)n->vol->mft_na->initialized_size;
    uint64_t n_records;
    bool whole = false;
    char *batch = calloc(BATCH, n->vol->mft_record_size);

    if (n->vol->mft_na->initialized_size < 0 || size > n->w->length)
        size = n->w->length;
    n_records = size >> n->vol->mft_record_size_bits;
    n->names = ntfs_names_new(n->vol, n_records);
    if (n->names && batch) {
        parse_records(n, n_records, batch);
        whole = !n->unread;
    } else {
        emit_note(n->e, n->partition, "ntfs: out of memory");
    }
    if (n->unread)
        emit_note(n->e, n->partition, "some records could not be read");
    ntfs_names_free(n->names);
    free(batch);
    return whole;
}

static void emit_unused(struct ntfs *n, bool whole, int dirty)
{
    if (!whole)
        emit_doubt(n->e, n->partition, "not all of it could be read");
    else if (dirty)
        emit_doubt(n->e, n->partition, "it is marked dirty");
    else
        ntfs_bitmap_emit_free(n->vol, n->w, n->e, n->partition);
}

void ntfs_parse(struct window *w, struct emit *e, unsigned partition,
                bool free_too)
{
    struct ntfs *n = calloc(1, sizeof(*n));
    const char *why;
    bool whole;
    int dirty;

    if (!n)
        return;
    n->w = w;
    n->e = e;
    n->partition = partition;
    why = ntfs_device_open(w, &n->vol);
    if (!why) {
        emit_parsed(e, partition);
        dirty = is_dirty(n->vol);
        whole = parse_volume(n);
        if (dirty == 1)
            emit_note(e, partition, "volume is marked dirty");
        if (free_too)
            emit_unused(n, whole, dirty);
        ntfs_umount(n->vol, TRUE);
    } else {
        emit_note(e, partition, why);
    }
    free(n);
}
