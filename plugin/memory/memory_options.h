/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of the guest's memory, as "xl migrate" passes them: in its
 * --dedup=PARTS, and with --dedup- before the name. */
#ifndef PLUGIN_MEMORY_MEMORY_OPTIONS_H
#define PLUGIN_MEMORY_MEMORY_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct memory_options {
    bool coded;                 /* the memory goes through the codec */
    bool only;                  /* disks are left alone */
    uint64_t cache_bytes;
};

#define MEMORY_OPTIONS_INIT \
    { .coded = true, .only = false, .cache_bytes = 64 << 20 }

enum {
    MEMORY_OPTION_PARTS = 0x200,
    MEMORY_OPTION_CACHE,
};

#define MEMORY_OPTIONS_TABLE \
    { "parts", required_argument, NULL, MEMORY_OPTION_PARTS }, \
    { "memory-cache", required_argument, NULL, MEMORY_OPTION_CACHE }

#define MEMORY_OPTIONS_HELP \
"      --parts=WHAT          disk, memory, or all (default)\n" \
"      --memory-cache=SIZE   MiB, or with K, M, G: of pages that were sent,\n" \
"                            at each side; default 64, at most 1 GiB\n"

/* Takes an option.  -EINVAL (logged): the value makes no sense; -ENOENT: not
 * one of these options. */
int memory_options_take(struct memory_options *opt, int option,
                        const char *value);

#endif
