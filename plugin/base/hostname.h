/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of hosts that may be handed to ssh, or to what is used in its place;
 * for xl-dedup and for the front of xl. */
#ifndef PLUGIN_BASE_HOSTNAME_H
#define PLUGIN_BASE_HOSTNAME_H

#include <stdbool.h>
#include <string.h>

/* Characters of a shell.  ssh puts the name into the commands of ProxyCommand
 * and Match exec, and versions before 9.6 do not look at them. */
#define HOSTNAME_NEVER "\x01\x02\x03\x04\x05\x06\x07\x08\t\n\v\f\r\x0e\x0f" \
    "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f" \
    " '\"`$\\;&<>|(){}"

/* Whether host is [USER@]NAME.  False if there is no name, or if the name or
 * the user begins with "-": ssh, or a proxy that it runs, would take that for
 * an option, and some options run commands.  False also if a shell would find
 * more than a word in it. */
static inline bool hostname_is_one(const char *host)
{
    const char *at = strrchr(host, '@'), *name = at ? at + 1 : host;

    return !host[strcspn(host, HOSTNAME_NEVER)] && *host != '-' &&
           *host != '@' && *name && *name != '-';
}

#endif
