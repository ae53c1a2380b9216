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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/holding.h"

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

/* Whether there are any files in them. */
bool references_have_paths(const struct references *r);

/*
 * Finds the file that is most likely another version of the one of this path
 * and size: that of the same path, or else of one that differs only in its
 * numbers (initrd.img-6.1.0-17 for -18), and among these the one of the
 * nearest size.  Whether its content is alike is for the caller to find out.
 * Safe for several threads.
 */
bool references_find_path(const struct references *r, const char *path,
                          uint64_t size, struct holding *h_r);

#endif
