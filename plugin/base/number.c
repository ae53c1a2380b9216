/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers and sizes as users type them; see number.h. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/number.h"

int number_parse(const char *text, unsigned long min, unsigned long max,
                 unsigned long *n_r)
{
    char *end;

    /* strtoul() takes blanks and signs, too. */
    if (!isdigit((unsigned char)*text))
        return -EINVAL;
    errno = 0;
    *n_r = strtoul(text, &end, 10);
    return errno || *end || *n_r < min || *n_r > max ? -EINVAL : 0;
}

int size_parse(const char *text, char unit, bool fraction, uint64_t max,
               uint64_t *bytes_r)
{
    static const char units[] = "KMG";
    const char *at;
    char *end;
    double n;

    if (!isdigit((unsigned char)*text))
        return -EINVAL;
    n = fraction ? strtod(text, &end) : (double)strtoull(text, &end, 10);
    at = strchr(units, *end ? toupper((unsigned char)*end) : unit);
    if (!at || (*end && end[1]))
        return -EINVAL;
    n *= (double)(UINT64_C(1024) << 10 * (at - units));
    if (!(n <= (double)max))
        return -EINVAL;
    *bytes_r = n > 0 && n < 1 ? 1 : (uint64_t)n;
    return 0;
}
