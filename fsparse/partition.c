/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Partition: see partition.h.  libblkid is trusted with its own parsing, not
 * with what the table it has parsed says.
 */
#include "config.h"

#include <blkid.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fsparse/partition.h"
#include "fsparse/record.h"

#define SECTOR 512u             /* libblkid's unit, whatever the device's */

static void copy_string(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

/* libblkid's dialect ends here: a probe limited to a part of the image. */
static blkid_probe probe_new(int fd, uint64_t start, uint64_t length)
{
    blkid_probe pr = blkid_new_probe();

    if (pr && blkid_probe_set_device(pr, fd, (blkid_loff_t)start,
                                     (blkid_loff_t)length)) {
        blkid_free_probe(pr);
        pr = NULL;
    }
    return pr;
}

static void find_filesystem(int fd, struct partition *p)
{
    blkid_probe pr = probe_new(fd, p->start, p->length);
    const char *value;
    int r;

    p->note = "no file system recognised";
    if (!pr)
        return;
    blkid_probe_enable_partitions(pr, 0);
    blkid_probe_enable_superblocks(pr, 1);
    blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE |
                                      BLKID_SUBLKS_LABEL);
    r = blkid_do_safeprobe(pr);
    if (r == -2)
        p->note = "more than one file system recognised";
    if (!r && !blkid_probe_lookup_value(pr, "TYPE", &value, NULL)) {
        copy_string(p->fstype, sizeof(p->fstype), value);
        p->note = "";
    }
    if (!r && !blkid_probe_lookup_value(pr, "LABEL", &value, NULL))
        copy_string(p->label, sizeof(p->label), value);
    blkid_free_probe(pr);
}

/* Returns 1 if the entry is a place for a file system, else 0. */
static int read_entry(blkid_partition par, uint64_t image_size,
                      struct partition *p)
{
    blkid_parttable table = blkid_partition_get_table(par);
    const char *type = blkid_partition_get_type_string(par);
    blkid_loff_t start = blkid_partition_get_start(par);
    blkid_loff_t length = blkid_partition_get_size(par);
    int number = blkid_partition_get_partno(par);

    memset(p, 0, sizeof(*p));
    if (blkid_partition_is_extended(par) || start < 0 || length <= 0 ||
        (uint64_t)start >= image_size / SECTOR)
        return 0;
    p->number = number > 0 ? (unsigned)number : 0;
    p->start = (uint64_t)start * SECTOR;
    p->length = image_size - p->start;
    if ((uint64_t)length < p->length / SECTOR)
        p->length = (uint64_t)length * SECTOR;
    copy_string(p->scheme, sizeof(p->scheme),
                table ? blkid_parttable_get_type(table) : NULL);
    if (type)
        copy_string(p->type, sizeof(p->type), type);
    else
        snprintf(p->type, sizeof(p->type), "0x%x",
                 (unsigned)blkid_partition_get_type(par));
    return 1;
}

static size_t read_table(int fd, uint64_t image_size, struct partition *list,
                         size_t max)
{
    blkid_probe pr = probe_new(fd, 0, image_size);
    blkid_partlist entries;
    size_t n = 0;
    int i, count;

    if (!pr)
        return 0;
    blkid_probe_enable_superblocks(pr, 0);
    blkid_probe_enable_partitions(pr, 1);
    blkid_probe_set_partitions_flags(pr, BLKID_PARTS_ENTRY_DETAILS);
    entries = blkid_probe_get_partitions(pr);
    count = entries ? blkid_partlist_numof_partitions(entries) : 0;
    for (i = 0; i < count && n < max; i++) {
        blkid_partition par = blkid_partlist_get_partition(entries, i);

        if (par && read_entry(par, image_size, &list[n]))
            n++;
    }
    blkid_free_probe(pr);
    return n;
}

int partition_list(int fd, uint64_t image_size, struct partition **list_r,
                   size_t *n_r)
{
    struct partition *list = calloc(RECORD_PARTITIONS_MAX, sizeof(*list));
    size_t i, n;

    if (!list)
        return -ENOMEM;
    n = read_table(fd, image_size, list, RECORD_PARTITIONS_MAX);
    if (!n) {
        memset(list, 0, sizeof(*list));
        list[0].length = image_size;
        copy_string(list[0].scheme, sizeof(list[0].scheme), "none");
        n = 1;
    }
    for (i = 0; i < n; i++)
        find_filesystem(fd, &list[i]);
    *list_r = list;
    *n_r = n;
    return 0;
}
