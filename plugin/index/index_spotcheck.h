/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether an image still holds what the index says: by reading some of it. */
#ifndef PLUGIN_INDEX_INDEX_SPOTCHECK_H
#define PLUGIN_INDEX_INDEX_SPOTCHECK_H

#include "plugin/index/index.h"

struct index_spotcheck {
    uint64_t compared;
    uint64_t differ;            /* or could not be read */
};

/* Reads about n objects of the image, each chosen at random, and compares
 * their digests. */
int index_spotcheck(struct store *s, const struct index_image *image,
                 unsigned n, struct index_spotcheck *r);

#endif
