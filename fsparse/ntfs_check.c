/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ntfs_check: see ntfs_check.h.
 *
 * Bytes are taken one field at a time at their places on the disk, each after
 * it is known to lie within the record; no structure is laid over them.
 */
#include "config.h"

#include <string.h>

#include "fsparse/ntfs_check.h"
#include "fsparse/numbers.h"

#define SECTOR_MIN 256u
#define SECTOR_MAX 4096u
#define CLUSTER_MAX (2u << 20)
#define RECORD_MIN 512u
#define INDEX_MAX (2u << 20)    /* as large as a cluster, at most */
#define PROTECTED 512u          /* bytes of a record that end in a number */

/* Places in the boot sector. */
#define BOOT_OEM 0x03
#define BOOT_SECTOR_BYTES 0x0b
#define BOOT_CLUSTER_SECTORS 0x0d
#define BOOT_SECTORS 0x28
#define BOOT_MFT 0x30
#define BOOT_MIRROR 0x38
#define BOOT_RECORD 0x40
#define BOOT_INDEX 0x44

/* In a record. */
#define RECORD_FIXUP 0x04
#define RECORD_FIXUPS 0x06
#define RECORD_ATTRIBUTES 0x14
#define RECORD_FLAGS 0x16
#define RECORD_USED 0x18
#define RECORD_ALLOCATED 0x1c
#define RECORD_HEAD 0x2a        /* bytes in all versions */

/* In an attribute. */
#define ATTR_LENGTH 0x04
#define ATTR_NON_RESIDENT 0x08
#define ATTR_NAME_LENGTH 0x09
#define ATTR_NAME 0x0a
#define ATTR_VALUE_LENGTH 0x10
#define ATTR_VALUE 0x14
#define ATTR_RESIDENT_HEAD 0x18
#define ATTR_FIRST 0x10
#define ATTR_LAST 0x18
#define ATTR_RUNS 0x20
#define ATTR_ALLOCATED 0x28
#define ATTR_DATA_SIZE 0x30
#define ATTR_INITIALIZED 0x38
#define ATTR_NON_RESIDENT_HEAD 0x40

#define TYPE_STANDARD 0x10u
#define TYPE_LIST 0x20u
#define TYPE_DATA 0x80u
#define TYPE_END 0xffffffffu

#define IN_USE 1u
#define LIST_MAX (256u << 10)   /* bytes of an attribute list */

/* One attribute; bytes is of length. */
struct attribute {
    const uint8_t *bytes;
    uint32_t type;
    uint32_t length;
};

/* A number of sectors, or, from 0xf4 on, of halvings: 256 - n is the power
 * of 2.  Beyond 2 MiB no such number is meant. */
static uint64_t cluster_sectors(uint8_t n)
{
    if (n <= 128)
        return n;
    return n >= 0xf4 ? UINT64_C(1) << (256 - n) : 0;
}

/* A number of clusters, or the negative power of 2 of bytes. */
static uint64_t record_bytes(uint8_t n, uint64_t cluster)
{
    if (n < 128)
        return n * cluster;
    return 256 - n < 32 ? UINT64_C(1) << (256 - n) : 0;
}

static bool is_within(uint64_t first, const struct ntfs_geometry *g,
                      uint64_t length)
{
    return first && first < g->clusters && first < length / g->cluster &&
           g->record <= length - first * g->cluster;
}

const char *ntfs_check_boot(const uint8_t boot[NTFS_CHECK_BOOT_BYTES],
                            uint64_t length, struct ntfs_geometry *g)
{
    uint64_t sector = get_le16(boot + BOOT_SECTOR_BYTES);
    uint64_t sectors = cluster_sectors(boot[BOOT_CLUSTER_SECTORS]);
    uint64_t record, index;

    if (memcmp(boot + BOOT_OEM, "NTFS    ", 8))
        return "damaged: no NTFS boot sector";
    if (!is_power_of_2(sector) || sector < SECTOR_MIN || sector > SECTOR_MAX)
        return "damaged: the size of sectors";
    g->cluster = sector * sectors;
    if (!is_power_of_2(g->cluster) || g->cluster > CLUSTER_MAX)
        return "damaged: the size of clusters";
    record = record_bytes(boot[BOOT_RECORD], g->cluster);
    if (!is_power_of_2(record) || record < RECORD_MIN ||
        record > NTFS_CHECK_RECORD_MAX)
        return "damaged: the size of file records";
    g->record = (uint32_t)record;
    index = record_bytes(boot[BOOT_INDEX], g->cluster);
    if (!is_power_of_2(index) || index < RECORD_MIN || index > INDEX_MAX)
        return "damaged: the size of index records";
    g->clusters = get_le64(boot + BOOT_SECTORS) / sectors;
    if (!g->clusters || g->clusters > INT64_MAX / g->cluster)
        return "damaged: the number of sectors";
    g->mft = get_le64(boot + BOOT_MFT);
    g->mirror = get_le64(boot + BOOT_MIRROR);
    if (!is_within(g->mft, g, length) || !is_within(g->mirror, g, length) ||
        g->mft == g->mirror)
        return "damaged: the position of $MFT";
    return NULL;
}

/* Puts the ends of sectors, which a number stands for on the disk, in their
 * places. */
static bool fix_up(uint8_t *record, size_t size)
{
    size_t at = get_le16(record + RECORD_FIXUP);
    size_t n = get_le16(record + RECORD_FIXUPS), i;

    /* The list must not lie where it is put to use. */
    if (at % 2 || n != size / PROTECTED + 1 || at + 2 * n > PROTECTED - 2)
        return false;
    for (i = 1; i < n; i++) {
        uint8_t *end = record + i * PROTECTED - 2;

        if (memcmp(end, record + at, 2))
            return false;
        memcpy(end, record + at + 2 * i, 2);
    }
    return true;
}

/* The attribute at byte `at` of what is used; at <= used, within record. */
static bool take_attribute(const uint8_t *record, uint32_t at, uint32_t used,
                           struct attribute *a)
{
    uint32_t left = used - at;

    a->bytes = record + at;
    a->type = left >= 4 ? get_le32(a->bytes) : 0;
    if (a->type == TYPE_END)
        return true;
    a->length = left >= ATTR_RESIDENT_HEAD ?
        get_le32(a->bytes + ATTR_LENGTH) : 0;
    return a->type && a->length >= ATTR_RESIDENT_HEAD && a->length % 8 == 0 &&
           a->length <= left;
}

/* Bytes of a number in a list of runs, sign and all. */
static int64_t run_number(const uint8_t *p, unsigned n)
{
    uint64_t v = n && p[n - 1] & 0x80 ? UINT64_MAX : 0;

    while (n--)
        v = v << 8 | p[n];
    return (int64_t)v;
}

/* Whether the runs of an attribute end within it and count what it says.
 * clusters: where none lies beyond, 0: anywhere.  first_r: where the first
 * one lies, if there is one. */
static bool check_runs(const struct attribute *a, uint64_t clusters,
                       int64_t *first_r)
{
    uint32_t at = get_le16(a->bytes + ATTR_RUNS);
    int64_t place = 0, count, step;
    uint64_t total = 0;
    bool first = true;

    for (; at < a->length && a->bytes[at]; at++) {
        unsigned n = a->bytes[at] & 15u, m = a->bytes[at] >> 4;

        if (!n || n > 8 || m > 8 || n + m >= a->length - at)
            return false;
        count = run_number(a->bytes + at + 1, n);
        step = run_number(a->bytes + at + 1 + n, m);
        at += n + m;
        if (count < 0 || (uint64_t)count > INT64_MAX - total ||
            __builtin_add_overflow(place, step, &place) || place < -1 ||
            (clusters && m && ((uint64_t)place >= clusters ||
                               (uint64_t)count > clusters - (uint64_t)place)))
            return false;
        total += (uint64_t)count;
        if (first && m)
            *first_r = place;
        first = false;
    }
    return at < a->length;
}

static bool check_non_resident(const struct attribute *a)
{
    uint64_t first, last;
    int64_t unused;

    if (a->bytes[ATTR_NON_RESIDENT] != 1 ||
        a->length < ATTR_NON_RESIDENT_HEAD ||
        get_le16(a->bytes + ATTR_RUNS) < ATTR_NON_RESIDENT_HEAD)
        return false;
    first = get_le64(a->bytes + ATTR_FIRST);
    last = get_le64(a->bytes + ATTR_LAST);
    /* Of nothing, the last one is -1. */
    if (first > INT64_MAX || (last > INT64_MAX && last != UINT64_MAX) ||
        (last != UINT64_MAX && last < first))
        return false;
    if (!first && (get_le64(a->bytes + ATTR_ALLOCATED) > INT64_MAX ||
                   get_le64(a->bytes + ATTR_DATA_SIZE) > INT64_MAX ||
                   get_le64(a->bytes + ATTR_INITIALIZED) > INT64_MAX))
        return false;
    return check_runs(a, 0, &unused);
}

static bool check_attribute(const struct attribute *a)
{
    uint32_t name = get_le16(a->bytes + ATTR_NAME);
    uint32_t name_bytes = 2u * a->bytes[ATTR_NAME_LENGTH];
    uint32_t value, value_bytes;

    if (name_bytes && (name > a->length || name_bytes > a->length - name))
        return false;
    if (a->bytes[ATTR_NON_RESIDENT])
        return check_non_resident(a);
    value = get_le16(a->bytes + ATTR_VALUE);
    value_bytes = get_le32(a->bytes + ATTR_VALUE_LENGTH);
    return !value_bytes ||
           (value <= a->length && value_bytes <= a->length - value);
}

bool ntfs_check_record(const uint8_t *record, size_t size)
{
    uint32_t at = get_le16(record + RECORD_ATTRIBUTES);
    uint32_t used = get_le32(record + RECORD_USED), before = 0;
    struct attribute a;

    if (memcmp(record, "FILE", 4) || used > size || at % 8 ||
        at < RECORD_HEAD || at > used ||
        get_le32(record + RECORD_ALLOCATED) != size)
        return false;
    for (; take_attribute(record, at, used, &a); at += a.length) {
        if (a.type == TYPE_END)
            return true;
        if (a.type < before || !check_attribute(&a))
            return false;
        before = a.type;
    }
    return false;
}

/* The data of $MFT lie where the boot sector says, and not beyond the
 * volume's end. */
static bool check_mft_data(const struct attribute *a,
                           const struct ntfs_geometry *g)
{
    int64_t first = -1;

    return a->bytes[ATTR_NON_RESIDENT] && !a->bytes[ATTR_NAME_LENGTH] &&
           !get_le64(a->bytes + ATTR_FIRST) &&
           check_runs(a, g->clusters, &first) &&
           first == (int64_t)g->mft &&
           get_le64(a->bytes + ATTR_DATA_SIZE) <=
           get_le64(a->bytes + ATTR_ALLOCATED) &&
           get_le64(a->bytes + ATTR_INITIALIZED) <=
           get_le64(a->bytes + ATTR_DATA_SIZE) &&
           get_le64(a->bytes + ATTR_ALLOCATED) / g->cluster <= g->clusters;
}

static bool check_list(const struct attribute *a)
{
    uint64_t bytes = a->bytes[ATTR_NON_RESIDENT] ?
                     get_le64(a->bytes + ATTR_DATA_SIZE) :
                     get_le32(a->bytes + ATTR_VALUE_LENGTH);

    return bytes && bytes <= LIST_MAX;
}

const char *ntfs_check_mft(uint8_t *record, const struct ntfs_geometry *g)
{
    static const char damaged[] = "damaged: $MFT's own record";
    bool standard = false, data = false;
    struct attribute a;
    uint32_t at, used;

    if (!fix_up(record, g->record) ||
        !ntfs_check_record(record, g->record) ||
        !(get_le16(record + RECORD_FLAGS) & IN_USE))
        return damaged;
    used = get_le32(record + RECORD_USED);
    for (at = get_le16(record + RECORD_ATTRIBUTES);
         take_attribute(record, at, used, &a) && a.type != TYPE_END;
         at += a.length) {
        if (a.type == TYPE_LIST && !check_list(&a))
            return damaged;
        if (a.type == TYPE_DATA && !data && !check_mft_data(&a, g))
            return damaged;
        standard = standard || a.type == TYPE_STANDARD;
        data = data || a.type == TYPE_DATA;
    }
    return standard && data ? NULL : damaged;
}
