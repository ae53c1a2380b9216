/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A list of images by path, each once, whatever its names.
 *
 * A file's path is resolved (no links), a block device's is taken as given:
 * what /dev/vg0/lv resolves to changes from boot to boot.
 */
#ifndef PLUGIN_IMAGE_IMAGE_LIST_H
#define PLUGIN_IMAGE_IMAGE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "plugin/image/node.h"

struct image_list {
    struct image_name {
        char *path;
        struct node node;
    } *items;
    size_t n;
};

#define IMAGE_LIST_INIT { NULL, 0 }

/* Adds an image, unless it is in the list.  0 or a negative errno: -ENOTBLK, if
 * path is neither a file nor a block device. */
int image_list_add(struct image_list *l, const char *path);

/* Adds what the globs name; what is no image is passed over.  0 or -ENOMEM. */
int image_list_add_globs(struct image_list *l, char *const *globs,
                         size_t n_globs);

/* Whether an image is in the list by this very path. */
bool image_list_has(const struct image_list *l, const char *path);
void image_list_release(struct image_list *l);

#endif
