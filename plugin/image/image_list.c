/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of images; see image_list.h. */
#include "config.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plugin/image/image_list.h"

static int append(struct image_list *l, const struct image_name *name)
{
    struct image_name *items;
    size_t i;

    for (i = 0; i < l->n; i++)
        if (node_equal(l->items[i].node, name->node))
            return -EEXIST;
    items = reallocarray(l->items, l->n + 1, sizeof(*items));
    if (!items)
        return -ENOMEM;
    l->items = items;
    items[l->n++] = *name;
    return 0;
}

int image_list_add(struct image_list *l, const char *path)
{
    struct image_name name;
    struct stat st;
    int rc;

    if (stat(path, &st))
        return -errno;
    if (!node_of_stat(&st, &name.node))
        return -ENOTBLK;
    name.path = name.node.block ? strdup(path) : realpath(path, NULL);
    if (!name.path)
        return -errno;
    rc = append(l, &name);
    if (rc)
        free(name.path);
    return rc == -EEXIST ? 0 : rc;
}

int image_list_add_globs(struct image_list *l, char *const *globs,
                         size_t n_globs)
{
    glob_t found;
    size_t i, j;
    int rc = 0;

    for (i = 0; i < n_globs && rc != -ENOMEM; i++) {
        rc = glob(globs[i], 0, NULL, &found);
        if (rc) {
            rc = rc == GLOB_NOSPACE ? -ENOMEM : 0;
            continue;
        }
        for (j = 0; j < found.gl_pathc && rc != -ENOMEM; j++)
            rc = image_list_add(l, found.gl_pathv[j]);
        globfree(&found);
    }
    return rc == -ENOMEM ? rc : 0;
}

bool image_list_has(const struct image_list *l, const char *path)
{
    size_t i;

    for (i = 0; i < l->n; i++)
        if (!strcmp(l->items[i].path, path))
            return true;
    return false;
}

void image_list_release(struct image_list *l)
{
    size_t i;

    for (i = 0; i < l->n; i++)
        free(l->items[i].path);
    free(l->items);
    *l = (struct image_list)IMAGE_LIST_INIT;
}
