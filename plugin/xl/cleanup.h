/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process that tidies up if receive-xl is killed (the out-of-memory killer
 * of a small dom0 may well choose it):
 *  - it removes the empty files that were made to stand for disks, if they are
 *    still these, and empty;
 *  - it reads what xl still says.  xl destroys its paused copy of the guest
 *    only after it could write that it failed, and a copy that stays keeps
 *    the disks in use.
 */
#ifndef PLUGIN_XL_CLEANUP_H
#define PLUGIN_XL_CLEANUP_H

#include <sys/stat.h>

struct cleanup {
    int fd;                     /* -1: none */
};

#define CLEANUP_INIT { -1 }

/* Starts the process, while the caller has one thread.  xl_out: where xl's
 * words are read.  0 or a negative errno: then the other functions do
 * nothing. */
int cleanup_start(struct cleanup *c, int xl_out);

/* Tells it that a file was made that stands for a disk; made: what fstat(2)
 * says of it. */
void cleanup_watch(struct cleanup *c, const char *path,
                   const struct stat *made);

/* Ends the process: nothing is left for it to do. */
void cleanup_dismiss(struct cleanup *c);

#endif
