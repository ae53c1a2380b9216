/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a migration or push did, in figures that were measured: bytes are
 * counted at the descriptors of the connection, times are read off the clock.
 */
#ifndef PLUGIN_SOURCE_REPORT_H
#define PLUGIN_SOURCE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

struct disk_report {
    const char *name;           /* vdev, or the path of a pushed image */
    uint64_t identical;         /* bytes found at the receiver */
    uint64_t different;         /* bytes that had to cross */
    uint64_t resent;            /* bytes sent again, because written to */
    uint64_t last;              /* of these, after the suspension */
    unsigned rounds;
    const char *traced;         /* how its writes were, or NULL */
    bool compared;              /* all of it, after the suspension */
    uint64_t wire_out;
    uint64_t wire_in;
    double seconds;
};

/* When the guest was seen suspended, and what it waited for then: each is the
 * time at which that was done, in this order.  All 0: it was not suspended. */
struct blackout {
    double began;
    double memory;              /* the last of it has been sent */
    double disks;               /* what was written is sent and verified */
    double placed;              /* disks are durable and in place */
    double ended;               /* the other host says that it runs */
};

struct session_report {
    uint64_t wire_out;          /* of the whole session, all included */
    uint64_t wire_in;
    double seconds;
    struct blackout blackout;   /* by monotonic_seconds() */
};

/* A table on stderr: one row a disk, and the total. */
void report_print(const struct disk_report *disks, unsigned n_disks,
                  const struct session_report *session);

#endif
