/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ntfs_claims: see ntfs_claims.h.
 *
 * Records are taken as they lie in $MFT, extension records like base records,
 * and each piece of an attribute as its record maps it: so that nothing
 * depends on whether an attribute list names it.
 */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>

#include "fsparse/ntfs_claims.h"

#include <ntfs-3g/runlist.h>

#define BATCH 64                /* records read at once */
#define MIRRORED_MAX 64         /* records; there are 4 */

struct walk {
    ntfs_volume *vol;
    struct claims *claims;
    uint64_t record;
};

static void damaged(struct walk *k)
{
    claims_doubt(k->claims, "record %" PRIu64 " is damaged", k->record);
}

static void claim_runs(struct walk *k, const ATTR_RECORD *a)
{
    runlist_element *list, *r;

    if (le16_to_cpu(a->mapping_pairs_offset) >= le32_to_cpu(a->length)) {
        damaged(k);
        return;
    }
    list = ntfs_mapping_pairs_decompress(k->vol, a, NULL);
    if (!list)
        damaged(k);
    for (r = list; r && r->length > 0 && !claims_in_doubt(k->claims); r++)
        if (r->lcn >= 0)
            claims_add(k->claims, (uint64_t)r->lcn, (uint64_t)r->length,
                       "record", k->record);
    free(list);
}

/* The attribute at a record's byte `at`, or NULL: it is not one. */
static const ATTR_RECORD *attribute_at(const MFT_RECORD *m, uint32_t at,
                                       uint32_t end)
{
    const ATTR_RECORD *a = (const ATTR_RECORD *)((const char *)m + at);
    uint32_t length, least;

    if (at % 8 || end - at < offsetof(ATTR_RECORD, resident_end))
        return NULL;
    length = le32_to_cpu(a->length);
    least = a->non_resident ? offsetof(ATTR_RECORD, non_resident_end) :
            offsetof(ATTR_RECORD, resident_end);
    return length % 8 || length < least || length > end - at ? NULL : a;
}

/* at and end stay within the record, and end after at. */
static void claim_record(struct walk *k, const MFT_RECORD *m)
{
    uint32_t at = le16_to_cpu(m->attrs_offset);
    uint32_t end = le32_to_cpu(m->bytes_in_use);
    const ATTR_RECORD *a;
    ATTR_TYPES type;

    if (end > k->vol->mft_record_size)
        end = 0;
    while (at < end && end - at >= sizeof(type)) {
        memcpy(&type, (const char *)m + at, sizeof(type));
        if (type == AT_END)
            return;
        a = attribute_at(m, at, end);
        if (!a || claims_in_doubt(k->claims))
            break;
        if (a->non_resident)
            claim_runs(k, a);
        at += le32_to_cpu(a->length);
    }
    damaged(k);
}

/* Which records are in use is said by each of them and by a bitmap.  The
 * first ones are the volume's own and may be set aside without being used. */
static void take_record(struct walk *k, const MFT_RECORD *m, bool bit)
{
    bool file = ntfs_is_file_record(m->magic);
    bool used = file && m->flags & MFT_RECORD_IN_USE;

    if (ntfs_is_baad_record(m->magic) ||
        (k->record >= FILE_first_user && used != bit))
        damaged(k);
    else if (used)
        claim_record(k, m);
}

static void walk_batch(struct walk *k, char *batch, uint64_t first,
                       uint64_t count)
{
    uint8_t bits[BATCH / 8] = { 0 };
    s64 bytes = (s64)(count + 7) / 8;
    uint64_t i;

    if (ntfs_attr_pread(k->vol->mftbmp_na, (s64)(first / 8), bytes, bits) !=
        bytes || ntfs_mft_records_read(k->vol, first, (s64)count,
                                       (MFT_RECORD *)batch)) {
        claims_doubt(k->claims, "its $MFT cannot be read");
        return;
    }
    for (i = 0; i < count && !claims_in_doubt(k->claims); i++) {
        k->record = first + i;
        take_record(k, (const MFT_RECORD *)(batch +
                                            i * k->vol->mft_record_size),
                    bits[i / 8] & 1u << i % 8);
    }
}

static void check_mirror(struct walk *k, char *batch)
{
    const uint32_t size = k->vol->mft_record_size;
    const int n = k->vol->mftmirr_size;
    char *mirror = NULL;
    int i;

    if (n > 0 && n <= MIRRORED_MAX)
        mirror = calloc((size_t)n, size);
    if (!mirror || ntfs_mft_records_read(k->vol, 0, n, (MFT_RECORD *)batch) ||
        ntfs_attr_mst_pread(k->vol->mftmirr_na, 0, n, size, mirror) != n)
        claims_doubt(k->claims, "its $MFTMirr cannot be read");
    for (i = 0; i < n && !claims_in_doubt(k->claims); i++) {
        const char *m = batch + (size_t)i * size;
        uint32_t used = le32_to_cpu(((const MFT_RECORD *)m)->bytes_in_use);

        if (used > size || memcmp(m, mirror + (size_t)i * size, used))
            claims_doubt(k->claims, "its $MFTMirr is not like its $MFT");
    }
    free(mirror);
}

void ntfs_claims_walk(ntfs_volume *vol, struct claims *c)
{
    struct walk k = { .vol = vol, .claims = c };
    const s64 bytes = vol->mft_na->initialized_size;
    char *batch = calloc(BATCH, vol->mft_record_size);
    uint64_t first, count, n;

    if (!batch || bytes < 0)
        claims_doubt(c, "its $MFT cannot be read");
    else
        check_mirror(&k, batch);
    n = bytes < 0 ? 0 : (uint64_t)bytes >> vol->mft_record_size_bits;
    for (first = 0; first < n && !claims_in_doubt(c); first += count) {
        count = n - first < BATCH ? n - first : BATCH;
        walk_batch(&k, batch, first, count);
    }
    free(batch);
}
