/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether xl is about to start a guest that has moved away from this host.
 *
 * What is known of that, and how a configuration is read, is xl-dedup's, which
 * is run for it; the front asks, and takes only a plain "no" for one.  Without
 * xl-dedup, or if that cannot tell, xl is run as ever.
 */
#ifndef LIBXLHOOKS_START_H
#define LIBXLHOOKS_START_H

#include <stdbool.h>

/* Whether these arguments of xl are "create" or "restore" of such a guest; then
 * a line has said so.  helper: the path of xl-dedup. */
bool start_is_refused(int argc, char **argv, const char *helper);

#endif
