/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Image list: images by path, each once, whatever its names.
 *
 * A file's path is resolved (no links), a block device's is taken as given:
 * what /dev/vg0/lv resolves to changes from boot to boot.
 */
#ifndef PLUGIN_IMAGE_IMAGE_LIST_H
#define PLUGIN_IMAGE_IMAGE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct image_list {
    struct image_name {
        char *path;
        bool block;
        dev_t dev;              /* st_dev of a file, st_rdev of a device */
        ino_t ino;
    } *items;
    size_t n;
};

#define IMAGE_LIST_INIT { NULL, 0 }

/* What is neither a file nor a block device is an error: -ENOTBLK. */
int image_list_add(struct image_list *l, const char *path);

/* What the globs name; what is no image is passed over.  Only a lack of
 * memory is an error. */
int image_list_add_globs(struct image_list *l, char *const *globs,
                         size_t n_globs);

bool image_list_has(const struct image_list *l, const char *path);
void image_list_release(struct image_list *l);

#endif
