/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk on its way into the index while it arrives: what takes long is done
 * when its objects are known, and only its line in the list of images waits
 * until it is in its place.
 */
#ifndef PLUGIN_INDEX_ENTERING_H
#define PLUGIN_INDEX_ENTERING_H

#include <stdbool.h>

#include "plugin/index/index.h"

struct index_adding;

/* Begins, in a thread.  path: for messages.  All is borrowed until one of the
 * two functions below.  NULL: it cannot be done so. */
struct index_adding *index_adding_start(struct store *s, const char *directory,
                                const char *path,
                                const struct index_source *source);

/* The image is complete, at this path.  False: index_add_image() is to be called
 * (what was done ahead has failed, or another process has removed it).  Frees
 * e. */
bool index_adding_end(struct index_adding *e, const char *path,
                  const struct stamp *stamp);

/* Or it is not, and what was done is removed again; if this process is killed
 * before, when the index is changed next.  e may be NULL. */
void index_adding_free(struct index_adding *e);

#endif
