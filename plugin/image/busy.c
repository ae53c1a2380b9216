/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths in use; see busy.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/image/busy.h"

int busy_add(struct busy_path **list, const char *path, const char *domain)
{
    struct busy_path *b;

    if (!path || !*path)
        return 0;
    b = calloc(1, sizeof(*b));
    if (!b)
        return -ENOMEM;
    b->next = *list;
    *list = b;
    b->path = strdup(path);
    if (asprintf(&b->user, "domain %s", domain ? domain : "?") < 0)
        b->user = NULL;
    return b->path && b->user ? 0 : -ENOMEM;
}

void busy_release(struct busy_path *list)
{
    struct busy_path *next;

    for (; list; list = next) {
        next = list->next;
        free(list->path);
        free(list->user);
        free(list);
    }
}
