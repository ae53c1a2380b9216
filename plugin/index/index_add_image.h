/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The images of a session on their way into the index of this host.
 *
 * A disk is entered while it arrives: what takes long is done when its objects
 * are known, and only its line in the list of images waits until it is in its
 * place.  Nothing is opened for that, so that the process need not have the
 * right to.  Or an image is entered as a whole.  Neither is owed to anybody: one
 * that is not entered is read when it is wanted.
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

/* Begins to enter an image, in a thread.  lock_fd: of index_lock_open(); path:
 * for messages.  All is borrowed until one of the two functions below.  0 or a
 * negative errno: nothing was begun. */
int index_adding_start(struct index_adding **a_r, struct store *s, int lock_fd,
                       const char *path, const struct index_source *source);

/* The image is complete and has this name (index_name_of()) and stamp: lists
 * it, and frees a.  Waits some seconds for who else changes the index, but not
 * for long.  Logs failure. */
void index_adding_end(struct index_adding *a, const char *name,
                      const struct stamp *stamp);

/* The image will not be complete: removes what was entered, and frees a, which
 * may be NULL.  If this process is killed before, what was entered is removed
 * when the index is changed next. */
void index_adding_free(struct index_adding *a);

/* What an image at a path is called in the index, for free(): a device as it is
 * named, since what that leads to changes from boot to boot; a file without
 * links.  NULL: it is not there, or no memory. */
char *index_name_of(const char *path, bool block);

#endif
