/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the target already holds: the images that may serve as references,
 * scanned, and their objects found by digest.
 *
 * A reference is only read.  It may be in use by a guest that writes to it,
 * so a hit is a hint: whoever copies from it hashes what he copies.
 */
#ifndef PLUGIN_REFERENCE_H
#define PLUGIN_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

#include "plugin/manifest.h"

struct references;

int references_new(struct references **r_r);
void references_free(struct references *r);

/* Scans the image at path (once, however often it is named).  An image that
 * cannot be read is logged and left out: only -ENOMEM is an error. */
int references_add(struct references *r, const char *path);

/* Scans what the configured globs name. */
int references_add_globs(struct references *r, char *const *globs,
                         size_t n_globs);

/* To be called after the last image was added and before the first search. */
void references_sort(struct references *r);

/* Finds an object by the first PROTO_SHORT_DIGEST bytes of its digest and its
 * size.  NULL if there is none.  Safe for several threads. */
const struct object *references_find(const struct references *r,
                                     const uint8_t *short_digest,
                                     uint64_t size,
                                     const struct manifest **m_r);

#endif
