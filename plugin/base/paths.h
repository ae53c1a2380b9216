/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of a path, by its text alone: nothing is looked up. */
#ifndef PLUGIN_BASE_PATHS_H
#define PLUGIN_BASE_PATHS_H

#include <stdbool.h>

/* The directory of a path, as dirname(3) has it, for free(); NULL: no
 * memory. */
char *path_dirname(const char *path);

/* The last component of a path: what follows its last slash, or all of it if it
 * has none.  Points into path.  Empty, if the path ends with a slash. */
const char *path_basename(const char *path);

/* Whether a path is absolute and no component of it is "." or "..", so that its
 * text says where it leads as far as there are no links. */
bool path_is_plain(const char *path);

#endif
