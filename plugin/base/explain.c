/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reason of a failure; see explain.h. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>

#include "plugin/base/explain.h"

int explain(char *why, size_t size, int rc, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, size, fmt, ap);
    va_end(ap);
    return rc;
}
