/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The real libraries; see libxl_calls.h.
 *
 * The only file that sees libxl.h, before our own declarations of the same
 * functions: where they differ, it does not compile.  None of its structs is
 * used.
 */
#include "config.h"

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* The newest interface, as xl is compiled: with an older one libxl.h replaces
 * functions by inline shims and we would hook a shim. */
#ifdef LIBXL_API_VERSION
# error "libxlhooks needs libxl.h without LIBXL_API_VERSION"
#endif
#include <libxl.h>
#include <libxl_utils.h>

#include "libxlhooks/libxl_calls.h"

_Static_assert(RC_FAIL == (int)ERROR_FAIL &&
               RC_GUEST_TIMEDOUT == (int)ERROR_GUEST_TIMEDOUT &&
               RC_DOMAIN_NOTFOUND == (int)ERROR_DOMAIN_NOTFOUND &&
               CALLS_VERSION == LIBXL_VERSION &&
               NO_DOMID == (uint32_t)INVALID_DOMID,
               "libxl's numbers are others");

/* libxl's are named by release, since no release's has the interface of
 * another's; these are the ones that were looked at. */
#define LIBRARY "libxenlight.so."
#define RELEASES "Xen 4.17 to 4.22"
static const char *const releases[] = {
    "4.17", "4.18", "4.19", "4.20", "4.21", "4.22",
};

struct libxl_calls real;

/* The name that a library calls itself, NULL if it has none. */
static const char *name_of(const struct link_map *map)
{
    const char *strings = NULL;
    const ElfW(Dyn) *d;
    ElfW(Xword) name = 0;

    for (d = map->l_ld; d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_STRTAB)
            strings = (const char *)d->d_un.d_ptr;
        else if (d->d_tag == DT_SONAME)
            name = d->d_un.d_val;
    }
    return strings && name ? strings + name : NULL;
}

/* The name of the library that has this function. */
static const char *library_of(void *function)
{
    struct link_map *map = NULL;
    const char *name = NULL;
    Dl_info info;

    if (dladdr1(function, &info, (void **)&map, RTLD_DL_LINKMAP) && map)
        name = name_of(map);
    return name ? name : "without a name";
}

static bool is_known(const char *library)
{
    size_t i, n = strlen(LIBRARY);

    if (strncmp(library, LIBRARY, n))
        return false;
    for (i = 0; i < sizeof(releases) / sizeof(releases[0]); i++)
        if (!strcmp(library + n, releases[i]))
            return true;
    return false;
}

static const char *resolve(void)
{
    static char why[256];
    const char *missing = NULL, *library;

#define SYMBOL(name) \
    real.name = (__typeof__(real.name))dlsym(RTLD_NEXT, #name); \
    if (!real.name) \
        missing = #name;
#include "libxlhooks/symbols.h"
    library = library_of((void *)real.libxl_domain_suspend);
    if (!is_known(library))
        snprintf(why, sizeof(why), "xl's library is %s, and this xl-dedup "
                 "knows those of " RELEASES, library);
    else if (missing)
        snprintf(why, sizeof(why), "xl's library has no %s", missing);
    return why[0] ? why : NULL;
}

const char *libxl_calls_resolve(void)
{
    static const char *why;
    static bool done;

    if (!done)
        why = resolve();
    done = true;
    return why;
}
