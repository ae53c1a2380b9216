/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The images of a session on their way into the index of this host.
 *
 * A disk can be entered while it arrives: what takes long is done when its
 * objects are known, and only its line in the list of images waits until it is
 * in its place.  Or all of it is entered at the end of the session.  Neither is
 * owed to anybody: an image that is not entered is read when it is wanted.
 */
#ifndef PLUGIN_INDEX_INDEX_ADD_IMAGE_H
#define PLUGIN_INDEX_INDEX_ADD_IMAGE_H

#include <stdbool.h>

#include "plugin/image/stamp.h"
#include "plugin/index/index_add.h"
#include "plugin/index/store.h"

/* Enters one image into the index of a state directory: opens it and locks it.
 * The caller must not have the store open.  If somebody else goes on changing
 * the index, nothing is done.  Logs failure. */
void index_add_image(const char *state_dir, const char *path,
                     const struct stamp *stamp,
                     const struct index_source *source);

struct index_adding;

/* Begins to enter an image, in a thread.  path: for messages.  All is borrowed
 * until one of the two functions below.  0 or a negative errno: it cannot be
 * done ahead. */
int index_adding_start(struct index_adding **a_r, struct store *s,
                       const char *directory, const char *path,
                       const struct index_source *source);

/* The image is complete, at this path: lists it, and frees a.  False:
 * index_add_image() is to be called, since what was done ahead has failed, or
 * another process has removed it. */
bool index_adding_end(struct index_adding *a, const char *path,
                      const struct stamp *stamp);

/* The image will not be complete: removes what was entered, and frees a, which
 * may be NULL.  If this process is killed before, what was entered is removed
 * when the index is changed next. */
void index_adding_free(struct index_adding *a);

#endif
