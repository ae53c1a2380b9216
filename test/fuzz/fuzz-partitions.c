/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An image (disk.h) with partition tables: what is in it is found by libblkid,
 * and whether each partition is alone by tables.c.  File systems are only
 * recognised, not parsed.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fsparse/partition.h"
#include "fsparse/tables.h"
#include "test/fuzz/disk.h"

static uint32_t crc32(const uint8_t *p, size_t n)
{
    uint32_t crc = ~0u;
    int bit;

    for (; n; n--, p++)
        for (crc ^= *p, bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    return ~crc;
}

static uint64_t number(const uint8_t *p, unsigned bytes)
{
    uint64_t n = 0;

    while (bytes--)
        n = n << 8 | p[bytes];
    return n;
}

static void put_u32(uint8_t *p, uint32_t n)
{
    unsigned i;

    for (i = 0; i < 4; i++)
        p[i] = (uint8_t)(n >> (8 * i));
}

/* Else no change would come past a GPT's checksums. */
static void sum_table(const struct disk *d, uint64_t at, unsigned sector)
{
    uint8_t header[512], entries[32768];
    uint64_t place, length, header_length;

    if (pread(d->fd, header, sizeof(header), (off_t)at) != sizeof(header) ||
        memcmp(header, "EFI PART", 8))
        return;
    place = number(header + 72, 8);
    length = number(header + 80, 4) * number(header + 84, 4);
    header_length = number(header + 12, 4);
    if (place < d->size && length <= sizeof(entries) &&
        pread(d->fd, entries, length, (off_t)(place * sector)) ==
            (ssize_t)length)
        put_u32(header + 88, crc32(entries, length));
    put_u32(header + 16, 0);
    if (header_length <= sizeof(header))
        put_u32(header + 16, crc32(header, header_length));
    FUZZ_CHECK(pwrite(d->fd, header, sizeof(header), (off_t)at) ==
               sizeof(header));
}

static void parse(int fd, uint64_t size, bool free_too, struct emit *e)
{
    struct fsparse_partition p = { .note = "" };
    struct partition *list;
    size_t i, n;

    if (partition_list(fd, size, &list, &n))
        return;
    if (free_too)
        tables_examine(fd, size, list, n);
    for (i = 0; i < n; i++) {
        FUZZ_CHECK(list[i].start <= size &&
                   list[i].length <= size - list[i].start);
        p.number = list[i].number;
        p.start = list[i].start;
        p.length = list[i].length;
        p.scheme = list[i].scheme;
        p.type = list[i].type;
        p.fstype = list[i].fstype;
        p.label = list[i].label;
        emit_partition(e, &p);
        if (*list[i].note)
            emit_note(e, (unsigned)i, list[i].note);
        if (*list[i].doubt)
            emit_doubt(e, (unsigned)i, list[i].doubt);
    }
    free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };
    struct disk d;

    disk_make(&d, &in, NULL, 0);
    if (d.flags & DISK_SUMS && d.size >= 8192) {
        sum_table(&d, 512, 512);
        sum_table(&d, 4096, 4096);
        sum_table(&d, d.size - 512, 512);
        sum_table(&d, d.size - 4096, 4096);
    }
    disk_check(&d, parse);
    return 0;
}
