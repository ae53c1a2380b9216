/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ntfs_bitmap: see ntfs_bitmap.h.
 *
 * The backup of the boot sector and what else lies behind the last cluster
 * has no bit, so it is never free.
 */
#include "config.h"

#include <stdbool.h>
#include <stdlib.h>

#include "fsparse/ntfs_bitmap.h"

#include <ntfs-3g/logfile.h>

#define CHUNK 65536             /* bytes of the bitmap read at once */

/* The unnamed data of one of the volume's own files. */
static ntfs_attr *open_system(ntfs_volume *vol, u64 record, ntfs_inode **ni_r)
{
    ntfs_attr *na;

    *ni_r = ntfs_inode_open(vol, record);
    if (!*ni_r)
        return NULL;
    na = ntfs_attr_open(*ni_r, AT_DATA, AT_UNNAMED, 0);
    if (!na)
        ntfs_inode_close(*ni_r);
    return na;
}

static void close_system(ntfs_attr *na, ntfs_inode *ni)
{
    ntfs_attr_close(na);
    ntfs_inode_close(ni);
}

static bool log_is_clean(ntfs_volume *vol)
{
    RESTART_PAGE_HEADER *restart = NULL;
    ntfs_inode *ni;
    ntfs_attr *na = open_system(vol, FILE_LogFile, &ni);
    bool clean;

    if (!na)
        return false;
    clean = ntfs_check_logfile(na, &restart) &&
        ntfs_is_logfile_clean(na, restart);
    free(restart);
    close_system(na, ni);
    return clean;
}

static bool is_free(const uint8_t *bits, uint64_t n)
{
    return !(bits[n / 8] & 1u << n % 8);
}

struct run {
    struct emit *e;
    unsigned partition;
    unsigned shift;             /* from clusters to bytes */
    uint64_t first, count;
};

static void end_run(struct run *r)
{
    if (r->count)
        emit_free(r->e, r->partition, r->first << r->shift,
                  r->count << r->shift);
    r->count = 0;
}

static void add_bits(struct run *r, const uint8_t *bits, uint64_t first,
                     uint64_t count)
{
    uint64_t i;

    for (i = 0; i < count; i++) {
        if (!is_free(bits, i)) {
            end_run(r);
            continue;
        }
        if (!r->count)
            r->first = first + i;
        r->count++;
    }
}

/* A run is emitted as soon as it has ended: where the bitmap cannot be read
 * any more, the rest counts as used. */
static void read_bitmap(struct run *r, ntfs_attr *na, struct window *w,
                        uint64_t clusters)
{
    static uint8_t bits[CHUNK];
    uint64_t at, n;
    s64 bytes;

    for (at = 0; at < clusters; at += n) {
        n = clusters - at < CHUNK * 8 ? clusters - at : CHUNK * 8;
        bytes = (s64)((n + 7) / 8);
        if (ntfs_attr_pread(na, (s64)(at / 8), bytes, bits) != bytes ||
            w->missing)
            return;
        add_bits(r, bits, at, n);
    }
    end_run(r);
}

void ntfs_bitmap_emit_free(ntfs_volume *vol, struct window *w, struct emit *e,
                           unsigned partition)
{
    struct run r = { .e = e, .partition = partition,
                     .shift = vol->cluster_size_bits };
    uint64_t clusters = vol->nr_clusters > 0 ? (uint64_t)vol->nr_clusters : 0;
    ntfs_inode *ni;
    ntfs_attr *na;

    if (clusters > w->length >> r.shift || w->missing ||
        !log_is_clean(vol) || ntfs_volume_check_hiberfile(vol, 0))
        return;
    na = open_system(vol, FILE_Bitmap, &ni);
    if (!na)
        return;
    if (na->initialized_size >= 0 &&
        (uint64_t)na->initialized_size >= (clusters + 7) / 8)
        read_bitmap(&r, na, w, clusters);
    close_system(na, ni);
}
