/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The staging file that a disk is built in.  What an earlier try left is gone
 * on with only by a source that shows its secret; another source gets another
 * file, so that it neither learns what is in that one nor destroys it.  Such a
 * file stays until its source comes again, or until 'xl-dedup clean'.
 */
#ifndef PLUGIN_TARGET_DESTINATION_STAGING_H
#define PLUGIN_TARGET_DESTINATION_STAGING_H

#include "plugin/target/destination.h"

/* Sets the paths of staging files, goes_on and claim.  0 or -ENOMEM; nothing is
 * made or changed there. */
int destination_choose_staging(struct destination *d);

/* Opens the usual staging file if it is another one, to see that it is ours; it
 * stays open.  The same kind of answer as destination_check(). */
int destination_open_main_staging(struct destination *d, char *why,
                                  size_t size);

/* Opens and locks the staging file, d->fd, and makes it empty unless it is gone
 * on with; d->resumed tells whether it holds something.  The same kind of
 * answer as destination_check(). */
int destination_open_staging_file(struct destination *d, char *why,
                                  size_t size);

#endif
