/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of a connection; see wire_options.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/log.h"
#include "plugin/wire/wire_options.h"

static int number(const char *value, unsigned long min, unsigned long max,
                  const char *what, unsigned long *n_r)
{
    char *end;

    errno = 0;
    *n_r = strtoul(value, &end, 10);
    if (!errno && *value >= '0' && *value <= '9' && !*end && *n_r >= min &&
        *n_r <= max)
        return 0;
    log_error("'%s' is no %s: a number from %lu to %lu is wanted", value,
              what, min, max);
    return -EINVAL;
}

/* As rsync's --bwlimit: units of 1024 bytes, or with a suffix. */
static int rate(const char *value, uint64_t *rate_r)
{
    static const char units[] = "KMG";
    char *end;
    double n = strtod(value, &end);
    const char *unit = *end ? strchr(units, *end & ~0x20) : units;

    if (n > 0 && n < 1e12 && *value >= '0' && *value <= '9' && unit &&
        *unit && (!*end || !end[1])) {
        n *= 1024.0 * (1u << (10 * (unit - units)));
        *rate_r = n < 1 ? 1 : n;
        return 0;
    }
    log_error("'%s' is no rate: a number of KiB a second, or one followed by "
              "K, M or G, is wanted", value);
    return -EINVAL;
}

int wire_options_take(struct wire_options *opt, int option,
                      const char *value)
{
    unsigned long n = 0;
    int rc;

    switch (option) {
    case WIRE_OPTION_LEVEL:
        rc = number(value, 1, WIRE_LEVEL_MAX, "compression level", &n);
        opt->level = n;
        return rc;
    case WIRE_OPTION_BWLIMIT:
        return rate(value, &opt->bytes_per_second);
    case WIRE_OPTION_TIMEOUT:
        rc = number(value, WIRE_TIMEOUT_MIN, 86400, "timeout", &n);
        opt->timeout = n;
        return rc;
    default:
        return -ENOENT;
    }
}
