/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hashing the objects of an image: how a manifest gets to know their content. */
#ifndef PLUGIN_CONTENT_MANIFEST_HASH_H
#define PLUGIN_CONTENT_MANIFEST_HASH_H

#include "plugin/content/manifest.h"

/* Reads the whole image (holes excepted) about once, about in order, and
 * completes its manifest.  Memory grows with the number of files and of raw
 * objects; each thread has 2 MiB of buffers.
 * Returns 0 or a negative errno, logged.  A read error in one object is an
 * error of the whole. */
int manifest_hash(struct manifest *m, const struct manifest_options *opt);

/* Does what manifest_parse() and manifest_hash() do.  0 and a manifest for
 * manifest_free(), or a negative errno, logged. */
int manifest_build(const struct image *img,
                   const struct manifest_options *opt,
                   struct manifest **m_r);

#endif
