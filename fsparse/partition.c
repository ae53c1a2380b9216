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
#include <sys/stat.h>

#include "fsparse/opens.h"
#include "fsparse/partition.h"
#include "fsparse/record.h"

#define SECTOR 512u             /* libblkid's unit, whatever the device's */
#define LARGE_SECTOR 4096u

struct table {
    struct partition *list;
    size_t n;
    size_t recognised;          /* in how many partitions something is */
};

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

/* Looks for file systems in a partition. */
static blkid_probe probe_partition(int fd, const struct partition *p)
{
    blkid_probe pr = probe_new(fd, p->start, p->length);

    if (!pr)
        return NULL;
    blkid_probe_enable_partitions(pr, 0);
    blkid_probe_enable_superblocks(pr, 1);
    blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE |
                                      BLKID_SUBLKS_LABEL);
    return pr;
}

/* Takes over what was found last. */
static void take_filesystem(blkid_probe pr, struct partition *p)
{
    const char *value;

    if (!blkid_probe_lookup_value(pr, "TYPE", &value, NULL)) {
        copy_string(p->fstype, sizeof(p->fstype), value);
        p->note = "";
    }
    if (!blkid_probe_lookup_value(pr, "LABEL", &value, NULL))
        copy_string(p->label, sizeof(p->label), value);
}

static bool opens_as(int fd, const struct partition *p, const char *fstype)
{
    struct window w = { .fd = fd, .offset = p->start, .length = p->length };

    return opens(&w, fstype);
}

/* Of several that left their magic numbers, that which opens is it.  If there
 * are two of these, nobody knows. */
static void find_opening(int fd, struct partition *p)
{
    blkid_probe pr = probe_partition(fd, p);
    struct partition found = *p;
    const char *value;
    unsigned seen = 0, n = 0;

    while (pr && !blkid_do_probe(pr)) {
        if (blkid_probe_lookup_value(pr, "TYPE", &value, NULL))
            continue;
        seen++;
        if (!opens_as(fd, p, value))
            continue;
        n++;
        found = *p;
        take_filesystem(pr, &found);
    }
    blkid_free_probe(pr);
    if (seen > 1)
        p->note = "more than one file system recognised";
    if (n != 1 || seen < 2)
        return;
    *p = found;
    copy_string(p->doubt, sizeof(p->doubt),
                "something else is recognised there as well");
}

static void find_filesystem(int fd, struct partition *p)
{
    blkid_probe pr = probe_partition(fd, p);
    int r;

    p->note = "no file system recognised";
    if (!pr)
        return;
    r = blkid_do_safeprobe(pr);
    if (!r)
        take_filesystem(pr, p);
    blkid_free_probe(pr);
    /* Several are -2, for libblkid 2.41 -1 as what cannot be read is. */
    if (r < 0)
        find_opening(fd, p);
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

/* sector: bytes; 0: the device's, or 512 of a file. */
static size_t read_table(int fd, uint64_t image_size, unsigned sector,
                         struct partition *list, size_t max)
{
    blkid_probe pr = probe_new(fd, 0, image_size);
    blkid_partlist entries;
    size_t n = 0;
    int i, count;

    if (!pr)
        return 0;
    if (sector && blkid_probe_set_sectorsize(pr, sector)) {
        blkid_free_probe(pr);
        return 0;
    }
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

/* A table and what is in its partitions; without one, or with an empty one,
 * what is in the whole image. */
static int examine(int fd, uint64_t image_size, unsigned sector,
                   struct table *t)
{
    size_t i;

    *t = (struct table){ 0 };
    t->list = calloc(RECORD_PARTITIONS_MAX, sizeof(*t->list));
    if (!t->list)
        return -ENOMEM;
    t->n = read_table(fd, image_size, sector, t->list, RECORD_PARTITIONS_MAX);
    if (!t->n) {
        memset(t->list, 0, sizeof(*t->list));
        t->list[0].length = image_size;
        copy_string(t->list[0].scheme, sizeof(t->list[0].scheme), "none");
        t->n = 1;
    }
    for (i = 0; i < t->n; i++) {
        find_filesystem(fd, &t->list[i]);
        t->recognised += *t->list[i].fstype != '\0';
    }
    return 0;
}

static bool has_table(const struct table *t)
{
    return strcmp(t->list[0].scheme, "none") != 0;
}

static bool is_file(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* Whether the table of large sectors is to be taken: there is one, and with
 * small ones there is no other, or one that leads to nothing while this one
 * does not. */
static bool is_better(const struct table *large, const struct table *t)
{
    return has_table(large) && !t->recognised &&
        (large->recognised || !has_table(t));
}

int partition_list(int fd, uint64_t image_size, struct partition **list_r,
                   size_t *n_r)
{
    struct table t, large = { 0 };
    size_t i;
    int rc = examine(fd, image_size, 0, &t);

    if (!rc && !t.recognised && is_file(fd))
        rc = examine(fd, image_size, LARGE_SECTOR, &large);
    if (!rc && large.list && is_better(&large, &t)) {
        free(t.list);
        t = large;
        large.list = NULL;
        for (i = 0; i < t.n; i++)
            copy_string(t.list[i].doubt, sizeof(t.list[i].doubt),
                        "the size of the disk's sectors is a guess");
    }
    free(large.list);
    if (rc) {
        free(t.list);
        return rc;
    }
    *list_r = t.list;
    *n_r = t.n;
    return 0;
}
