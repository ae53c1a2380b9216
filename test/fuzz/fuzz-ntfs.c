/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image (disk.h) whose owner says that it is an NTFS volume.  The table is
 * that of upper case letters, which every volume has. */
#include "config.h"

#include <stdlib.h>

#include "fsparse/ntfs.h"
#include "fsparse/ntfs_lib.h"
#include "test/fuzz/disk.h"

#define LETTERS 65536u

static void parse(int fd, uint64_t size, bool free_too, struct emit *e)
{
    struct window w = { .fd = fd, .length = size };

    disk_announce(e, size, "ntfs");
    ntfs_parse(&w, e, 0, free_too);
}

static const ntfschar *upper_case(void)
{
    static ntfschar *table;

    if (!table) {
        table = calloc(LETTERS, sizeof(*table));
        FUZZ_CHECK(table);
        ntfs_upcase_table_build(table, LETTERS * sizeof(*table));
    }
    return table;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };
    struct disk d;

    disk_make(&d, &in, upper_case(), LETTERS * sizeof(ntfschar));
    disk_check(&d, parse);
    return 0;
}
