/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where disks may go that a source has named the place for.
 *
 * An entry of the configuration is an absolute path with the wildcards of
 * glob(7), which are compared by the text, component by component: a directory
 * stands for everything below it (/srv/xen, /dev/vg0), and what matches as a
 * whole for itself (/dev/sdb, /dev/vg0/guest-*).  Where a directory of the list
 * is itself reached by links, a path may also begin with where these lead.
 *
 * Without any entry these are the places, the first with all that is below it,
 * of the others only the directory itself:
 *   - /var/lib/xen/images
 *   - the directory of every disk of a domain that runs here
 *   - that of every disk that a migration, not a push, has brought here or
 *     taken away, as the records say
 *   - that of every file, and the devices, of which 'xl-dedup allow' says that
 *     they may be overwritten
 * A device that lies in /dev, /dev/mapper or below /dev/disk, where many others
 * lie, stands for itself alone.
 *
 * The list says nothing of what there is at a path: destination_enter.h does.
 */
#ifndef PLUGIN_TARGET_DESTINATION_LIST_H
#define PLUGIN_TARGET_DESTINATION_LIST_H

#include <stddef.h>

#include "plugin/image/users.h"
#include "plugin/state/configuration.h"

struct destination_list;

/* Makes the list; busy: the disks of the domains that run here, or NULL.  0 or
 * -ENOMEM. */
int destination_list_new(struct destination_list **l_r,
                         const struct configuration *conf,
                         const struct used_path *busy);
void destination_list_free(struct destination_list *l);

/* Whether a disk may go to a path.  Then *linked_r is how many bytes of the
 * path the administrator of this host has named, so that symbolic links in them
 * are meant.  -EACCES: it may not, and why (size bytes) says what to do. */
int destination_list_find(const struct destination_list *l, const char *path,
                          size_t *linked_r, char *why, size_t size);

#endif
