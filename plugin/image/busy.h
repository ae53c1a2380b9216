/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the running domains of this host use, as a list of paths. */
#ifndef PLUGIN_IMAGE_BUSY_H
#define PLUGIN_IMAGE_BUSY_H

struct busy_path {
    char *path;
    char *user;                 /* "domain g1" */
    struct busy_path *next;
};

/* Puts a path in front of the list, if there is one; domain: its user's name,
 * or NULL.  -ENOMEM */
int busy_add(struct busy_path **list, const char *path, const char *domain);
void busy_release(struct busy_path *list);

#endif
