/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which names of hosts are handed to ssh, or to what is used instead; for
 * xl-dedup and for the front. */
#ifndef PLUGIN_BASE_HOSTNAME_H
#define PLUGIN_BASE_HOSTNAME_H

#include <stdbool.h>
#include <string.h>

/* host: [USER@]NAME.  False if there is no name, or if it or the user begins
 * with "-": ssh, or a proxy that it runs, would take it for an option, and some
 * of those run commands. */
static inline bool hostname_is_one(const char *host)
{
    const char *at = strrchr(host, '@'), *name = at ? at + 1 : host;

    return *host != '-' && *host != '@' && *name && *name != '-';
}

#endif
