/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes that are complete, and names that outlast a crash. */
#ifndef PLUGIN_BASE_FDIO_H
#define PLUGIN_BASE_FDIO_H

#include <stddef.h>

/* Writes all length bytes to a blocking descriptor.  0 or a negative errno:
 * then a part of them may be written. */
int fd_write_all(int fd, const void *data, size_t length);

/* Brings the names in the directory of a path to the storage: a name that is
 * only in memory is lost when the host crashes.  0 or a negative errno. */
int fd_sync_directory_of(const char *path);

#endif
