/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Refresh: reads images into an index in the background, as a process of its
 * own ("xl-dedup index"), so that its memory and what may go wrong in it are
 * not the receiver's.  It ends with the receiver: what it has not finished is
 * not in the index.
 */
#ifndef PLUGIN_TARGET_REFRESH_H
#define PLUGIN_TARGET_REFRESH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Starts the process.  program is an xl-dedup; gently says that it shall run
 * at the cost of as little else as possible.  The process ends with the thread
 * that calls this.  Returns its number, or a negative errno. */
pid_t refresh_start(const char *program, const char *directory,
                    char *const *paths, size_t n, bool gently);

/* Whether the process has ended, which is reaped then. */
bool refresh_ended(pid_t pid);

/* Ends the process and reaps it. */
void refresh_stop(pid_t pid);

#endif
