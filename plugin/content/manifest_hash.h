/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The threads that read an image and hash its objects; see manifest_hash.c. */
#ifndef PLUGIN_CONTENT_MANIFEST_HASH_H
#define PLUGIN_CONTENT_MANIFEST_HASH_H

#include "plugin/content/manifest.h"

/*
 * Expects m->image, m->map and one object per file with size, zero and
 * unusable decided.  Sets the hashes of the files that are not zero, sets
 * zero where the content turns out so, and adds the raw objects.
 * Returns 0 or a negative errno, logged.
 */
int manifest_hash_run(struct manifest *m, const struct manifest_options *opt);

/* Frees the raw objects of a manifest. */
void manifest_hash_free(struct manifest *m);

#endif
