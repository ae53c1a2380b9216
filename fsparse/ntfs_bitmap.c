/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ntfs_bitmap: see ntfs_bitmap.h.
 *
 * The backup of the boot sector and what else lies beyond the last cluster
 * has no bit, so it is never free.
 */
#include "config.h"

#include <stdbool.h>
#include <stdlib.h>

#include "fsparse/claims.h"
#include "fsparse/ntfs_bitmap.h"
#include "fsparse/ntfs_claims.h"

#include <ntfs-3g/logfile.h>

#define VSS_HEADER 0x1e00       /* of the snapshots, from the volume's start */
#define VSS_CATALOGUE 0x30      /* from there: where it lies; 0: none */

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

/* Windows keeps old versions of clusters in others that today's bitmap need
 * not know.  A catalogue of such snapshots is named in the volume's header. */
static bool has_shadow_copies(struct window *w)
{
    static const uint8_t vss[] = {
        0x6b, 0x87, 0x08, 0x38, 0x76, 0xc1, 0x48, 0x4e,
        0xb7, 0xae, 0x04, 0x04, 0x6e, 0x6c, 0xc7, 0x52,
    };
    uint8_t header[VSS_CATALOGUE + 8], none[8] = { 0 };

    window_read(w, header, sizeof(header), VSS_HEADER);
    return !memcmp(header, vss, sizeof(vss)) &&
        memcmp(header + VSS_CATALOGUE, none, sizeof(none));
}

/* The bitmap, as far as the volume has clusters; NULL: a doubt. */
static uint8_t *read_bitmap(ntfs_volume *vol, struct claims *c)
{
    const s64 bytes = (s64)((c->n + 7) / 8);
    uint8_t *bits = malloc((size_t)bytes + 1);
    ntfs_inode *ni;
    ntfs_attr *na = open_system(vol, FILE_Bitmap, &ni);
    bool whole = bits && na && na->initialized_size >= bytes &&
        ntfs_attr_pread(na, 0, bytes, bits) == bytes;

    if (na)
        close_system(na, ni);
    if (whole)
        return bits;
    claims_doubt(c, "its $Bitmap cannot be read");
    free(bits);
    return NULL;
}

/* The next run of free clusters at or after *from; 0: there is none. */
static uint64_t next_free(const uint8_t *bits, uint64_t n, uint64_t *from)
{
    uint64_t i = *from, end;

    while (i < n && bits[i / 8] & 1u << i % 8)
        i++;
    for (end = i; end < n && !(bits[end / 8] & 1u << end % 8); end++)
        ;
    *from = i;
    return end - i;
}

static void emit_clusters(struct claims *c, const uint8_t *bits,
                          struct emit *e, unsigned partition,
                          uint64_t cluster)
{
    uint64_t from, count;

    for (from = 0; (count = next_free(bits, c->n, &from)); from += count)
        claims_check_free(c, from, count);
    for (from = 0; (count = next_free(bits, c->n, &from)); from += count)
        claims_emit_free(c, e, partition, from, count, cluster);
}

static void check_state(ntfs_volume *vol, struct window *w, struct claims *c)
{
    if (vol->nr_clusters <= 0 ||
        c->n > w->length >> vol->cluster_size_bits)
        claims_doubt(c, "it is larger than its partition");
    else if (has_shadow_copies(w))
        claims_doubt(c, "it has shadow copies");
    else if (!log_is_clean(vol))
        claims_doubt(c, "its $LogFile is to be replayed");
    else if (ntfs_volume_check_hiberfile(vol, 0))
        claims_doubt(c, "Windows is hibernated in it");
}

void ntfs_bitmap_emit_free(ntfs_volume *vol, struct window *w, struct emit *e,
                           unsigned partition)
{
    struct claims c;
    uint8_t *bits = NULL;

    claims_init(&c, vol->nr_clusters > 0 ? (uint64_t)vol->nr_clusters : 0);
    check_state(vol, w, &c);
    if (!claims_in_doubt(&c))
        ntfs_claims_walk(vol, &c);
    if (!claims_in_doubt(&c))
        bits = read_bitmap(vol, &c);
    if (w->missing)
        claims_doubt(&c, "parts of it could not be read");
    if (!claims_in_doubt(&c))
        emit_clusters(&c, bits, e, partition, vol->cluster_size);
    if (claims_in_doubt(&c))
        emit_doubt(e, partition, c.doubt);
    free(bits);
    claims_release(&c);
}
