/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of hosts that may be handed to ssh, or to what is used in its place;
 * for xl-dedup and for the front of xl. */
#ifndef PLUGIN_BASE_HOSTNAME_H
#define PLUGIN_BASE_HOSTNAME_H

#include <stdbool.h>
#include <string.h>

/* Whether host is [USER@]NAME.  False if there is no name, or if the name or
 * the user begins with "-": ssh, or a proxy that it runs, would take that for
 * an option, and some options run commands. */
static inline bool hostname_is_one(const char *host)
{
    const char *at = strrchr(host, '@'), *name = at ? at + 1 : host;

    return *host != '-' && *host != '@' && *name && *name != '-';
}

#endif
