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

/* To be called while there is one thread.  xl_out: where xl's words are
 * read. */
int cleanup_start(struct cleanup *k, int xl_out);

/* A file was made that stands for a disk. */
void cleanup_watch(struct cleanup *k, const char *path, const struct stat *made);

/* Nothing is left for it to do. */
void cleanup_dismiss(struct cleanup *k);

#endif
