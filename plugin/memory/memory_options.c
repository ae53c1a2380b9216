/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of the guest's memory; see memory_options.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "plugin/base/log.h"
#include "plugin/base/number.h"
#include "plugin/memory/memory_options.h"
#include "plugin/memory/memstream.h"
#include "plugin/proto.h"

#define CACHE_MAX ((uint64_t)PROTO_MEMORY_SLOTS * MEMSTREAM_PAGE)

static int take_parts(struct memory_options *opt, const char *value)
{
    opt->only = !strcmp(value, "memory");
    opt->coded = opt->only || !strcmp(value, "all");
    if (opt->coded || !strcmp(value, "disk"))
        return 0;
    log_error("'%s' cannot be deduplicated: it is disk, memory or all",
              value);
    return -EINVAL;
}

static int take_size(uint64_t *size_r, const char *value)
{
    if (!size_parse(value, 'M', false, CACHE_MAX, size_r))
        return 0;
    log_error("'%s' is no size of a cache: a number of MiB, or one followed "
              "by K, M or G, of at most 1 GiB is wanted", value);
    return -EINVAL;
}

int memory_options_take(struct memory_options *opt, int option,
                        const char *value)
{
    switch (option) {
    case MEMORY_OPTION_PARTS:
        return take_parts(opt, value);
    case MEMORY_OPTION_CACHE:
        return take_size(&opt->cache_bytes, value);
    default:
        return -ENOENT;
    }
}
