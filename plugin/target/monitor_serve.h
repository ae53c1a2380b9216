/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the monitor does for the engine; see monitor.h.  Its process has one
 * thread, and a copy of the session as it was when it was forked. */
#ifndef PLUGIN_TARGET_MONITOR_SERVE_H
#define PLUGIN_TARGET_MONITOR_SERVE_H

struct receiver;

/* Answers what comes by the socket until its other end is closed; then releases
 * all disks. */
void monitor_serve(struct receiver *r, int fd);

#endif
