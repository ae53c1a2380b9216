/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Free space of a cold image.
 *
 * A bitmap says what is free only if the file system was unmounted cleanly and
 * nobody writes: ext4 writes data before the metadata that claims it, and a
 * guest that is resumed has memory newer than its disk.  So nothing is left
 * out of an image that anybody has open for writing, nor of a block device, for
 * which that cannot be told; fsparse takes care of what is not clean (a guest
 * that was saved leaves a journal to be replayed) and of what somebody else
 * claims, and says so.  That a copy is then the same to a guest and to e2fsck
 * is kept by test-push-doubt.sh and test-push-random.sh.
 */
#ifndef PLUGIN_IMAGE_FREE_SPACE_H
#define PLUGIN_IMAGE_FREE_SPACE_H

#include "plugin/image/image.h"

/* Has the free space of img read as zeros from now on, if it is cold; else does
 * nothing.  Logs why a file system is sent whole.  *map_r: what its examination
 * found, or NULL if it was not examined; owned by the caller.  0 or a negative
 * errno. */
int free_space_skip(struct image *img, struct fsparse_map **map_r);

#endif
