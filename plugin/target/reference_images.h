/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The images that a session may use as references, and under which id the index
 * lists each of them now.  An image is opened when something in it is looked at
 * for the first time.
 *
 * The list is complete, and does not change any more, when searching begins;
 * then all functions but init and release are for any thread.  Their lock is
 * theirs alone; what the image_system does is done in it.
 */
#ifndef PLUGIN_TARGET_REFERENCE_IMAGES_H
#define PLUGIN_TARGET_REFERENCE_IMAGES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/image/image.h"
#include "plugin/image/image_list.h"
#include "plugin/image/stamp.h"
#include "plugin/index/store.h"

/* What takes the right to open files: another process may do it for this one.
 * i: the number of an image in the list.  0 or a negative errno. */
struct image_system {
    int (*open)(void *opaque, size_t i, struct image *img);
    int (*stamp)(void *opaque, size_t i, struct stamp *s_r);
    void *opaque;
};

enum image_state {
    IMAGE_MISSING,              /* not indexed, or without names */
    IMAGE_CHANGED,              /* written to since it was read */
    IMAGE_CURRENT,
};

struct reference_slot;

struct reference_images {
    struct image_system system; /* as reference_images_here() has it, until it
                                   is set to another one */
    struct image_list list;
    struct reference_slot *slots;       /* as many; or NULL */
    pthread_mutex_t lock;       /* covers them */
};

void reference_images_init(struct reference_images *r);
void reference_images_release(struct reference_images *r);
/* What this process does itself, for another one. */
void reference_images_here(struct reference_images *r,
                           struct image_system *s_r);

/* All have been added to the list.  0 or -ENOMEM. */
int reference_images_complete(struct reference_images *r);

/* Looks in the index what has become of each.  Begins a transaction. */
void reference_images_update(struct reference_images *r, struct store *index);

/* How many are in this state; and their numbers, at most max, their count. */
size_t reference_images_count(struct reference_images *r,
                              enum image_state state);
size_t reference_images_list(struct reference_images *r,
                             enum image_state state, uint32_t *numbers,
                             size_t max);

/* Whether the index lists one of them under this id (opaque: the struct
 * reference_images), and whether it has the names of any. */
bool reference_images_have(void *opaque, uint32_t id);
bool reference_images_have_names(struct reference_images *r);

/* The image that the index lists under this id, or that has this number, open,
 * lent; NULL: there is none, or it cannot be read. */
const struct image *reference_images_of(struct reference_images *r,
                                        uint32_t id);
const struct image *reference_images_get(struct reference_images *r,
                                         size_t i);

#endif
