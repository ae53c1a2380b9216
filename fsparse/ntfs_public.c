/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ntfs_public: see ntfs_public.h. */
#include "config.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "fsparse/ntfs_public.h"

static const char *const open_to_all[] = {
    "/Program Files/",
    "/Program Files (x86)/",
    "/Windows/assembly/",
    "/Windows/Fonts/",
    "/Windows/Microsoft.NET/",
    "/Windows/servicing/",
    "/Windows/System32/",
    "/Windows/SysWOW64/",
    "/Windows/WinSxS/",
};

static const char *const closed[] = {
    "/Windows/System32/config/",
    "/Windows/System32/GroupPolicy/",
    "/Windows/System32/GroupPolicyUsers/",
    "/Windows/System32/LogFiles/",
    "/Windows/System32/sysprep/",
    "/Windows/System32/Tasks/",
    "/Windows/System32/wbem/Repository/",
    "/Windows/System32/wdi/",
    "/Windows/System32/winevt/",
    "/Windows/SysWOW64/config/",
};

static bool is_below(const char *path, const char *const *list, size_t n)
{
    while (n-- > 0)
        if (!strncasecmp(path, list[n], strlen(list[n])))
            return true;
    return false;
}

bool ntfs_path_public(const char *path)
{
    return is_below(path, open_to_all,
                    sizeof(open_to_all) / sizeof(open_to_all[0])) &&
        !is_below(path, closed, sizeof(closed) / sizeof(closed[0]));
}
