/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk of the source while it is being sent: private to sender.c and
 * passes.c. */
#ifndef PLUGIN_SOURCE_DISK_H
#define PLUGIN_SOURCE_DISK_H

#include "plugin/image.h"
#include "plugin/inbox.h"
#include "plugin/manifest.h"
#include "plugin/report.h"
#include "plugin/segment.h"
#include "plugin/wire.h"
#include "plugin/workers.h"

struct source_disk {
    uint16_t number;
    char *vdev;
    char *path;
    char *dest;
    struct image image;
    struct disk_report report;

    /* Bulk copy. */
    struct manifest *manifest;
    uint32_t *order;                /* number on the wire -> object */
    uint64_t n_order;
    uint8_t *wanted;                /* by number: how often */
    uint64_t bytes_wanted;
    uint64_t bytes_sent;

    /* Passes. */
    struct segment_digest *sent;    /* digest last sent, by segment */
    uint64_t n_segments;
    uint64_t *differ;               /* what the target asked for */
    uint64_t n_differ;
};

struct pass {
    struct wire *wire;
    struct inbox *inbox;
    struct workers *pool;
};

/*
 * One pass over a disk.  full: all segments are read; otherwise only the
 * target's answer to what the previous pass sent is collected.  Afterwards
 * d->differ lists what was sent whole; *differed_r: how many.
 */
int pass_run(const struct pass *p, struct source_disk *d, bool full,
             uint64_t *differed_r);

#endif
