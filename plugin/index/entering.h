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

struct entering;

/* Begins, in a thread.  path: for messages.  All is borrowed until one of the
 * two functions below.  NULL: it cannot be done so. */
struct entering *entering_start(struct store *s, const char *directory,
                                const char *path,
                                const struct index_source *source);

/* The image is complete, at this path.  False: index_enter() is to be called
 * (what was done ahead has failed, or another process has removed it).  Frees
 * e. */
bool entering_end(struct entering *e, const char *path,
                  const struct mark *mark);

/* Or it is not, and what was done is removed again; if this process is killed
 * before, when the index is changed next.  e may be NULL. */
void entering_free(struct entering *e);

#endif
