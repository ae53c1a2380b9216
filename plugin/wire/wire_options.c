/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of a connection; see wire_options.h. */
#include "config.h"

#include <errno.h>

#include "plugin/base/log.h"
#include "plugin/base/number.h"
#include "plugin/wire/wire_options.h"

#define RATE_MAX (UINT64_C(1) << 62)    /* nothing is as fast */

static int number(const char *value, unsigned long min, unsigned long max,
                  const char *what, unsigned long *n_r)
{
    if (!number_parse(value, min, max, n_r))
        return 0;
    log_error("'%s' is no %s: a number from %lu to %lu is wanted", value,
              what, min, max);
    return -EINVAL;
}

/* As rsync's --bwlimit. */
static int rate(const char *value, uint64_t *rate_r)
{
    if (!size_parse(value, 'K', true, RATE_MAX, rate_r) && *rate_r > 0)
        return 0;
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
