/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables: see tables.h.
 *
 * Every doubt is only ever added, so that it does no harm to look for a table
 * where there may be none.
 */
#include "config.h"

#include <blkid.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fsparse/numbers.h"
#include "fsparse/tables.h"
#include "fsparse/window.h"

#define SECTOR 512u             /* an MBR's unit */
#define LOGICAL_FIRST 5u        /* number of the first logical partition */
#define LOGICAL_MAX 256
#define GPT_BYTES_MAX (1u << 20)        /* of entries */
#define LDM_DATABASE_SECTORS 2048

struct tables {
    struct window image;
    struct partition *list;
    size_t n;
};

static void doubt(struct partition *p, const char *text)
{
    if (!*p->doubt)
        snprintf(p->doubt, sizeof(p->doubt), "%s", text);
}

static void doubt_all(struct tables *t, const char *text)
{
    size_t i;

    for (i = 0; i < t->n; i++)
        doubt(&t->list[i], text);
}

/* [start, start + length) is somebody's: those whose partition it lies in, of
 * a number below `below`, do not have that for themselves. */
static void claim(struct tables *t, uint64_t start, uint64_t length,
                  unsigned below, const char *text)
{
    size_t i;

    for (i = 0; i < t->n; i++) {
        struct partition *p = &t->list[i];

        if (p->number < below && start < p->start + p->length &&
            (length > UINT64_MAX - start || start + length > p->start))
            doubt(p, text);
    }
}

/* A table's entry: one of those in the list, or another owner. */
static void claim_entry(struct tables *t, uint64_t start, uint64_t length)
{
    size_t i;

    for (i = 0; i < t->n; i++) {
        const struct partition *p = &t->list[i];

        if (p->start == start &&
            (p->length == length || p->start + p->length == t->image.length))
            return;
    }
    claim(t, start, length, UINT32_MAX, "another table's entry reaches into "
          "it");
}

static void find_overlaps(struct tables *t)
{
    char text[PARTITION_DOUBT_BYTES];
    size_t i, k;

    for (i = 0; i < t->n; i++)
        for (k = 0; k < t->n; k++) {
            struct partition *p = &t->list[i], *q = &t->list[k];

            if (i == k || p->start >= q->start + q->length ||
                q->start >= p->start + p->length)
                continue;
            snprintf(text, sizeof(text), "partition %u overlaps it",
                     q->number);
            doubt(p, text);
        }
}

static bool has_magic(struct tables *t, uint64_t offset, const char *magic)
{
    char found[8] = "";

    if (offset < t->image.length)
        window_read(&t->image, found, strlen(magic), offset);
    return !memcmp(found, magic, strlen(magic));
}

static bool is_mbr(const uint8_t *sector)
{
    int i;

    if (sector[510] != 0x55 || sector[511] != 0xaa)
        return false;
    for (i = 0; i < 4; i++)
        if (sector[446 + 16 * i] & 0x7f)
            return false;
    return true;
}

static bool is_extended(uint8_t type)
{
    return type == 0x05 || type == 0x0f || type == 0x85;
}

struct entry {
    uint8_t type;
    uint64_t start, length;     /* bytes */
};

/* The i-th entry of a sector at `base`; false: it is empty. */
static bool read_entry(const uint8_t *sector, int i, uint64_t base,
                       struct entry *e)
{
    const uint8_t *p = sector + 446 + 16 * i;

    e->type = p[4];
    e->start = base + (uint64_t)get_le32(p + 8) * SECTOR;
    e->length = (uint64_t)get_le32(p + 12) * SECTOR;
    return e->type && e->length;
}

/* One sector of the chain.  Returns where the next one is, 0: none. */
static uint64_t take_logical(struct tables *t, uint64_t first, uint64_t place)
{
    uint8_t sector[SECTOR];
    uint64_t next = 0;
    struct entry e;
    int i;

    claim(t, place, SECTOR, UINT32_MAX,
          "the table of a logical partition lies in it");
    window_read(&t->image, sector, sizeof(sector), place);
    if (!is_mbr(sector)) {
        doubt_all(t, "the table of a logical partition is damaged");
        return 0;
    }
    for (i = 0; i < 4; i++) {
        if (!read_entry(sector, i, place, &e))
            continue;
        if (!is_extended(e.type))
            claim_entry(t, e.start, e.length);
        else if (!next)
            next = first + (e.start - place);
    }
    return next;
}

static void take_extended(struct tables *t, const struct entry *extended)
{
    uint64_t place = extended->start;
    int i;

    claim(t, extended->start, extended->length, LOGICAL_FIRST,
          "an extended partition reaches into it");
    for (i = 0; i < LOGICAL_MAX && place && place < t->image.length; i++)
        place = take_logical(t, extended->start, place);
    if (place)
        doubt_all(t, "the tables of logical partitions have no end");
}

static void take_mbr(struct tables *t, const uint8_t *sector)
{
    struct entry e;
    int i;

    claim(t, 0, SECTOR, UINT32_MAX, "the partition table lies in it");
    for (i = 0; i < 4; i++) {
        if (!read_entry(sector, i, 0, &e))
            continue;
        if (e.type == 0x42)
            doubt_all(t, "it is on a dynamic disk");
        else if (is_extended(e.type))
            take_extended(t, &e);
        else if (e.type != 0xee)
            claim_entry(t, e.start, e.length);
    }
}

static uint32_t crc32(const uint8_t *data, size_t length)
{
    uint32_t crc = UINT32_MAX;
    int bit;

    while (length--) {
        crc ^= *data++;
        for (bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

struct gpt {
    uint64_t alternate;         /* sectors, both */
    uint64_t entries;
    uint32_t entry_bytes, n;
    uint32_t crc;               /* of the entries */
};

/* The header at `place`, in sectors; false: there is none that is valid. */
static bool read_gpt(struct tables *t, uint64_t place, uint64_t sector,
                     struct gpt *g)
{
    uint8_t h[SECTOR];
    uint32_t bytes, crc;

    if (place >= t->image.length / sector)
        return false;
    window_read(&t->image, h, sizeof(h), place * sector);
    bytes = get_le32(h + 12);
    if (memcmp(h, "EFI PART", 8) || bytes < 92 || bytes > sizeof(h) ||
        get_le64(h + 24) != place)
        return false;
    crc = get_le32(h + 16);
    memset(h + 16, 0, 4);
    g->alternate = get_le64(h + 32);
    g->entries = get_le64(h + 72);
    g->n = get_le32(h + 80);
    g->entry_bytes = get_le32(h + 84);
    g->crc = get_le32(h + 88);
    return crc32(h, bytes) == crc && g->entry_bytes >= 128 && g->n &&
           g->n <= GPT_BYTES_MAX / g->entry_bytes &&
           g->entries < t->image.length / sector;
}

static void take_gpt_entries(struct tables *t, const struct gpt *g,
                             const uint8_t *entries, uint64_t sector)
{
    static const uint8_t none[16];
    uint32_t i;

    for (i = 0; i < g->n; i++) {
        const uint8_t *p = entries + (size_t)i * g->entry_bytes;
        uint64_t first = get_le64(p + 32), last = get_le64(p + 40);

        if (!memcmp(p, none, sizeof(none)) || last < first ||
            last >= UINT64_MAX / sector)
            continue;
        claim_entry(t, first * sector, (last - first + 1) * sector);
    }
}

/* Reads one header's entries, which are whole if it says true. */
static bool take_gpt(struct tables *t, uint64_t place, uint64_t sector,
                     struct gpt *g)
{
    const char *text = "the partition table lies in it";
    uint8_t *entries;
    size_t bytes;
    bool whole;

    claim(t, place * sector, sector, UINT32_MAX, text);
    if (!read_gpt(t, place, sector, g))
        return false;
    bytes = (size_t)g->n * g->entry_bytes;
    claim(t, g->entries * sector, bytes, UINT32_MAX, text);
    entries = malloc(bytes);
    if (!entries)
        return false;
    window_read(&t->image, entries, bytes, g->entries * sector);
    whole = crc32(entries, bytes) == g->crc;
    if (whole)
        take_gpt_entries(t, g, entries, sector);
    free(entries);
    return whole;
}

static void find_gpt(struct tables *t, uint64_t sector)
{
    uint64_t last = t->image.length / sector - 1;
    bool here = has_magic(t, sector, "EFI PART");
    struct gpt primary, backup;

    if (!here && !has_magic(t, last * sector, "EFI PART"))
        return;
    if (strcmp(t->list[0].scheme, "gpt"))
        doubt_all(t, "the disk has remains of a GPT");
    else if (!take_gpt(t, 1, sector, &primary) ||
             !take_gpt(t, primary.alternate, sector, &backup) ||
             primary.crc != backup.crc || primary.n != backup.n ||
             primary.entry_bytes != backup.entry_bytes)
        doubt_all(t, "the GPT and its backup are damaged or not the same");
}

/* The database of Windows' dynamic disks lies at the disk's end, and on an MBR
 * disk outside of all partitions. */
static void find_dynamic_disk(struct tables *t)
{
    uint64_t sectors = t->image.length / SECTOR;
    uint64_t database = sectors > LDM_DATABASE_SECTORS ?
                        sectors - LDM_DATABASE_SECTORS : 0;

    if (has_magic(t, 6 * SECTOR, "PRIVHEAD") ||
        has_magic(t, (sectors - 1) * SECTOR, "PRIVHEAD") ||
        has_magic(t, (database + 1856) * SECTOR, "PRIVHEAD") ||
        has_magic(t, (database + 1) * SECTOR, "TOCBLOCK") ||
        has_magic(t, (database + 2) * SECTOR, "TOCBLOCK"))
        doubt_all(t, "it is on a dynamic disk");
}

/* Partitions that the table gives to something else than a file system. */
static void find_containers(struct tables *t)
{
    static const struct {
        const char *type, *what;
        bool disk;
    } types[] = {
        { "0x42", "it is on a dynamic disk", true },
        { "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3", "it is on a dynamic disk",
          true },
        { "af9b60a0-1431-4f62-bc68-3311714a69ad", "it is on a dynamic disk",
          true },
        { "0x8e", "its partition is LVM's", false },
        { "e6d6d379-f507-44c2-a23c-238f2a3df928", "its partition is LVM's",
          false },
        { "0xfd", "its partition is a RAID's", false },
        { "a19d880f-05fc-4d3b-a006-743f0f84911e",
          "its partition is a RAID's", false },
        { "ca7d7ccb-63ed-4c53-861c-1742536059cc",
          "its partition is encrypted", false },
        { "e75caf8f-f680-4cee-afa3-b001e56efc2d",
          "it is in a storage space", true },
    };
    size_t i, k;

    for (i = 0; i < t->n; i++)
        for (k = 0; k < sizeof(types) / sizeof(types[0]); k++) {
            if (strcasecmp(t->list[i].type, types[k].type))
                continue;
            if (types[k].disk)
                doubt_all(t, types[k].what);
            else
                doubt(&t->list[i], types[k].what);
        }
}

/* What libblkid recognises in a part of the image: 0 nothing, 1 one thing,
 * 2 several. */
static int recognised(struct tables *t, uint64_t start, uint64_t length)
{
    blkid_probe pr = blkid_new_probe();
    int r = -1;

    if (pr && !blkid_probe_set_device(pr, t->image.fd, (blkid_loff_t)start,
                                      (blkid_loff_t)length)) {
        blkid_probe_enable_partitions(pr, 0);
        blkid_probe_enable_superblocks(pr, 1);
        blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE);
        r = blkid_do_safeprobe(pr);
    }
    blkid_free_probe(pr);
    return r == 1 ? 0 : r == 0 ? 1 : 2;
}

static void find_others(struct tables *t, bool table)
{
    size_t i;

    if (table && recognised(t, 0, t->image.length))
        doubt_all(t, "the disk as a whole belongs to something else as well");
    for (i = 0; i < t->n; i++)
        if (recognised(t, t->list[i].start, t->list[i].length) == 2)
            doubt(&t->list[i], "something else is recognised there as well");
}

/* A file system on the whole disk, whose first sector has partitions as well.
 * NTFS has code in it, which can look like that. */
static void find_mbr_within(struct tables *t, const uint8_t *sector)
{
    struct entry e;
    int i;

    for (i = 0; i < 4 && strcmp(t->list[0].fstype, "ntfs"); i++)
        if (is_mbr(sector) && read_entry(sector, i, 0, &e))
            doubt_all(t, "a partition table lies in it");
}

void tables_examine(int fd, uint64_t image_size, struct partition *list,
                    size_t n)
{
    struct tables t = {
        .image = { .fd = fd, .length = image_size }, .list = list, .n = n,
    };
    const char *scheme = n ? list[0].scheme : "none";
    uint8_t sector[SECTOR];

    if (!n || image_size < 2 * 4096)
        return;
    window_read(&t.image, sector, sizeof(sector), 0);
    find_overlaps(&t);
    if (!strcmp(scheme, "none"))
        find_mbr_within(&t, sector);
    else if (!strcmp(scheme, "dos") || !strcmp(scheme, "gpt"))
        take_mbr(&t, sector);
    else
        doubt_all(&t, "the partition table is of a kind that is not "
                  "understood");
    find_gpt(&t, SECTOR);
    find_gpt(&t, 4096);
    find_dynamic_disk(&t);
    find_containers(&t);
    find_others(&t, strcmp(scheme, "none") != 0);
    if (t.image.missing)
        doubt_all(&t, "the partition table cannot be read");
}
