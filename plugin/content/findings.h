/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Findings: what hashing threads have found, told in the order of the image
 * (manifest_found in manifest.h).
 *
 * Whoever waits for the objects gets them span by span (spans.h), in order, so
 * that two manifests of nearly the same image are told in nearly the same way.
 * A span in which a big file begins takes long; when many others wait for it,
 * they go first.
 *
 * All functions but findings_free() are for any thread.  The lock is held in
 * the calls of found(), which so come from one thread at a time.
 */
#ifndef PLUGIN_CONTENT_FINDINGS_H
#define PLUGIN_CONTENT_FINDINGS_H

#include <stddef.h>
#include <stdint.h>

#include "plugin/content/manifest.h"

struct findings;

/* Makes a queue whose findings are told to found(), for findings_free().  NULL:
 * no memory. */
struct findings *findings_new(manifest_found *found, void *opaque);
/* Findings that have not had their turn, as there may be after a failure, are
 * dropped. */
void findings_free(struct findings *q);

/* What was found in the span of that number: n objects, which stay where they
 * are; the list is copied.  Every number is added once, without objects as
 * well.  -ENOMEM (logged), or what found() returns. */
int findings_add(struct findings *q, uint64_t span,
                 const struct object *const *objects, size_t n);

#endif
