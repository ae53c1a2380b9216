/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The moment at which a guest has stopped. */
#ifndef LIBXLHOOKS_WATCHER_H
#define LIBXLHOOKS_WATCHER_H

#include <stdint.h>

struct watcher;

/* Starts to look for the suspension of domid, to send "stopped" once.  NULL,
 * logged or for want of memory, if that is not possible: the migration goes on
 * without.  The caller owns it, and keeps control open until watcher_stop(). */
struct watcher *watcher_start(int control, uint32_t domid);

/* Ends and frees it; NULL is fine.  Nothing is sent after this. */
void watcher_stop(struct watcher *w);

#endif
