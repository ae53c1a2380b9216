/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the engine asks of the monitor, and what that answers: one packet each.
 * Both are the same program, forked, so the structs go as they are.  The
 * monitor checks every member of a question, since the engine may be in
 * somebody else's hands; the engine trusts the answers.
 */
#ifndef PLUGIN_TARGET_MONITOR_MESSAGE_H
#define PLUGIN_TARGET_MONITOR_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "plugin/image/image.h"
#include "plugin/image/stamp.h"
#include "plugin/target/disk.h"
#include "plugin/target/reference.h"

#define MONITOR_TEXT 4096

enum monitor_verb {
    MONITOR_LOOK,               /* whether the destination is still ours */
    MONITOR_OWN,                /* a device has nothing foreign any more */
    MONITOR_BEGIN,              /* a device is about to be overwritten */
    MONITOR_PLACEHOLDER,
    MONITOR_PLACE,
    MONITOR_SECRETS,            /* are kept */
    MONITOR_LISTING,            /* a descriptor to write it to */
    MONITOR_LISTING_END,        /* it was written */
    MONITOR_RELEASE,
    /* of images that are references */
    MONITOR_OPEN,               /* one or two descriptors */
    MONITOR_STAMP,
    MONITOR_READ,
    MONITOR_READ_ENDED,
    MONITOR_READ_STOP,
};

struct monitor_question {
    enum monitor_verb verb;
    uint32_t number;            /* of the disk, or of the image */
    bool flag;                  /* LISTING_END: all of it; RELEASE: spoiled;
                                   READ: gently */
    bool rooted;                /* PLACE: root is there */
    uint8_t root[HASH_BYTES];
    uint32_t n;                 /* SECRETS and READ: how many of the following
                                   are there */
    union {
        struct secret secrets[PROTO_PROOFS_MAX + 1];
        uint32_t images[REFERENCES_READ_MAX];
    };
};

struct monitor_answer {
    int rc;                     /* 0 or a negative errno */
    bool ended;                 /* READ_ENDED */
    /* of a disk's destination, afterwards */
    bool foreign, begun, nothing, placeholder, placed;
    struct stat found;
    struct stamp stamp;         /* PLACE, STAMP */
    struct image image;         /* OPEN: but for its path and descriptors */
    char reason[MONITOR_TEXT];  /* "" : none */
    char name[MONITOR_TEXT];    /* PLACE: of the disk in the index, or "" */
};

#endif
