/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A path that somebody else has named becomes a directory that is open, and a
 * name in it.  This happens once: whatever is looked at, made, written or
 * renamed for the disk afterwards is that name, or one beside it, in that
 * directory.
 *
 * Nothing is made or changed here, and nothing outside of the list is looked
 * at.  How the directory is reached is on base/safe_path.h: nobody but root can
 * change what lies on the way, or take the name of what we make.
 */
#ifndef PLUGIN_TARGET_DESTINATION_ENTER_H
#define PLUGIN_TARGET_DESTINATION_ENTER_H

#include "plugin/target/destination.h"
#include "plugin/target/destination_list.h"

/*
 * Opens the directory of d->path; d->size is set, too.  list: where the disk
 * may go; NULL: anywhere, because root of this host has named the path.
 *
 * *resolved_r is what the path is to mean from now on, for free(), and d->path
 * becomes that: as destination_resolve() has it.  Where the disk may only go to
 * the list, what a link leads to must be in the list as well, but for links of
 * /dev to devices.
 *
 * A negative errno, and why (size bytes), as of destination_check().
 */
int destination_enter(struct destination *d,
                      const struct destination_list *list, char **resolved_r,
                      char *why, size_t size);

/* What is at the path, when the last component is looked up in the directory
 * that was entered: of a device what its link leads to.  0 or a negative
 * errno. */
int destination_stat(const struct destination *d, struct stat *st_r);
/* Opens that, or the staging file (path: d->path or d->staging_path), to be
 * read; logs as image_open() does. */
int destination_image(const struct destination *d, const char *path,
                      struct image *img);

#endif
