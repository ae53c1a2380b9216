/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a destination's path means, and where its staging file is.  Nothing is
 * made or changed.
 */
#ifndef PLUGIN_TARGET_DESTINATION_PATH_H
#define PLUGIN_TARGET_DESTINATION_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/proto.h"

/*
 * What a path is to mean from now on, for free(): where its last component is
 * a symbolic link to a regular file, the file's own place, so that staging,
 * space, records and the exchange of names are where the file is; else the path
 * as it is (a device is known by its lasting name, /dev/VG/LV).  A link that
 * leads nowhere is refused as destination_check() refuses.
 */
int destination_resolve(const char *path, char **resolved_r, char *why,
                        size_t size);

/* Whether only a device may be there: files are made, devices are not, and a
 * file in /dev would fill the memory. */
bool destination_is_device_name(const char *path);

/* Explains that there is no device, and that it has to have this size.
 * -ENOENT. */
int destination_explain_no_device(const char *path, uint64_t bytes, char *why,
                                  size_t size);

/* The staging file of a path, for free(); the usual one, or (name not NULL)
 * that of a try whose secret has this name.  NULL: out of memory. */
char *destination_staging_path(const char *path,
                               const uint8_t name[PROTO_SECRET_NAME]);

#endif
