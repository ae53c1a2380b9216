/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether an image still holds what the index says, by reading some of it. */
#ifndef PLUGIN_INDEX_INDEX_SPOTCHECK_H
#define PLUGIN_INDEX_INDEX_SPOTCHECK_H

#include <stdint.h>

#include "plugin/index/index_record.h"
#include "plugin/index/store.h"

struct index_spotcheck {
    uint64_t compared;
    uint64_t differ;            /* or could not be read */
};

/* Reads about n objects of the image, each chosen at random, and compares
 * their digests.  0 or a negative errno: the image or the index cannot be
 * read. */
int index_spotcheck(struct store *s, const struct index_image *image,
                    unsigned n, struct index_spotcheck *r);

#endif
