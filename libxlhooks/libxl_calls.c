/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The real libraries; see libxl_calls.h. */
#include "config.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>

#include "libxlhooks/libxl_calls.h"

struct libxl_calls real;

const char *libxl_calls_resolve(void)
{
    static const char *missing;
    static bool done;

    if (done)
        return missing;
    done = true;
#define SYMBOL(name) \
    real.name = (__typeof__(real.name))dlsym(RTLD_NEXT, #name); \
    if (!real.name) \
        missing = #name;
#include "libxlhooks/symbols.h"
    return missing;
}
