/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing all of it, so that it lasts. */
#ifndef PLUGIN_BASE_FDIO_H
#define PLUGIN_BASE_FDIO_H

#include <stddef.h>

/* To a blocking descriptor.  0 or a negative errno. */
int fd_write_all(int fd, const void *data, size_t length);

/* Brings the names in a path's directory to the storage: a name that is not
 * there is lost with the host.  0 or a negative errno. */
int fd_sync_directory_of(const char *path);

#endif
