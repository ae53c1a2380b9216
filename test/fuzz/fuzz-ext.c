/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image (disk.h) whose owner says that it is an ext file system. */
#include "config.h"

#include "fsparse/ext.h"
#include "test/fuzz/disk.h"

static void parse(int fd, uint64_t size, bool free_too, struct emit *e)
{
    struct window w = { .fd = fd, .length = size };

    disk_announce(e, size, "ext4");
    ext_parse(&w, e, 0, free_too);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };
    struct disk d;

    disk_make(&d, &in, NULL, 0);
    disk_check(&d, parse);
    return 0;
}
