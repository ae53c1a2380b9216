/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the target's engine tells the one who runs it, and waits for. */
#ifndef PLUGIN_TARGET_RECEIVER_EVENTS_H
#define PLUGIN_TARGET_RECEIVER_EVENTS_H

#include <stdint.h>
#include <sys/stat.h>

#include "plugin/base/digest.h"

/* What a migration does at certain points; NULL members are skipped.  A
 * negative errno ends the session. */
struct receiver_events {
    /* Waits for the disks of the received configuration and names them with
     * receiver_set_path(). */
    int (*configured)(void *opaque);
    /* An empty file was made at path, to stand for a disk. */
    void (*placeholder)(void *opaque, const char *path,
                        const struct stat *made);
    /* All bulk is here: libxl may begin to restore. */
    int (*restore)(void *opaque);
    /* The source has sent all of the memory stream: its length and digest. */
    int (*memory_end)(void *opaque, uint64_t bytes,
                      const uint8_t digest[HASH_BYTES]);
    /* All disks are final: the tail of the memory may go. */
    int (*final)(void *opaque);
    /* The watched descriptor (inbox_watch) became readable. */
    int (*watched)(void *opaque);
    void *opaque;
};

#endif
