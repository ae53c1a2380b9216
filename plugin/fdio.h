/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing all of it. */
#ifndef PLUGIN_FDIO_H
#define PLUGIN_FDIO_H

#include <stddef.h>

/* To a blocking descriptor.  0 or a negative errno. */
int fd_write_all(int fd, const void *data, size_t length);

#endif
