/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Staging files that are there already: which of them are ours.
 *
 * One must be such as only we can have made it, and nobody else can have put
 * there or can write to: a regular file of our user, with mode 0600, one name
 * (another one may stand where others can open it), on the file system of its
 * directory.  All of that is asked of the open file.
 */
#ifndef PLUGIN_TARGET_STAGING_H
#define PLUGIN_TARGET_STAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/*
 * Opens one: a name in an open directory; flags: O_RDONLY or O_RDWR; path: what
 * it is called in messages.  Returns a descriptor, or a negative errno and why
 * (size bytes): -ENOENT if there is none; else it is not ours, and stays.
 */
int staging_open(int directory, const char *name, int flags, const char *path,
                 struct stat *st_r, char *why, size_t size);

/* Whether a path has the form of a staging file's (destination_path.h). */
bool staging_is_name(const char *path);

#endif
