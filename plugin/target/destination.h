/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The place at the target where a disk is to go, which several files share:
 * destination_enter.h opens its directory, destination_check.h says whether it
 * may go there, destination_storage.h opens it, brings what was written to the
 * storage and closes it, destination_begin.h notes that a device is going to be
 * overwritten, destination_lookout.h watches what others do there,
 * destination_write.h writes, and destination_place.h puts the complete disk in
 * place.
 *
 * A regular file is rebuilt in a staging file beside it (".NAME.xl-dedup")
 * and renamed over it when it is complete, so the path holds the old content
 * or the new, never a mixture.  What a failed try leaves in the staging file
 * is used by the next one.  A block device is written in place, after a
 * record says so: until it is complete it is nobody's good copy.
 *
 * Hours may pass between the check and the end, and anybody may use the path
 * meanwhile.  So what was checked is remembered, and compared before anything
 * depends on it: before a file is made to stand for the disk, before a device
 * is written to for the first time and every LOOK_SECONDS while it is written
 * to, and when the disk is put in place.  There must be what was there, as it
 * was, and nobody may have it open for writing.  A file is put in place by
 * exchanging two names; if what comes off is not what was checked, it goes
 * back: nothing that somebody else put there is ever lost.
 */
#ifndef PLUGIN_TARGET_DESTINATION_H
#define PLUGIN_TARGET_DESTINATION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "plugin/image/blockdev.h"
#include "plugin/image/image.h"
#include "plugin/image/owner.h"
#include "plugin/image/stamp.h"
#include "plugin/image/users.h"
#include "plugin/state/record.h"
#include "plugin/target/coalesce.h"
#include "plugin/target/guard.h"

struct budget;
struct lookout;

struct destination {
    /* Set by the caller before destination_check(); borrowed.  The first two
     * are changed by destination_enter(). */
    const char *path;           /* absolute, of destination_resolve() */
    const char *named;          /* as the user has it, if different; or NULL:
                                   records may have this name */
    const char *uuid;
    const char *vdev;
    uint64_t size;              /* of the disk, bytes */
    struct budget *budget;      /* or NULL */
    uint64_t used;              /* bytes at the source that are not holes */
    bool served;                /* a guest is going to have it */
    struct sector_sizes sectors;    /* of the source; logical 0: not known */
    struct owner owner;         /* of a new file */
    const struct used_path *busy;
    const char *state_dir;
    const struct proofs *shown; /* by the source; NULL: nothing */
    const char *guard_program;  /* xl-dedup; NULL: a device has no guard */
    /* Or NULL.  Asked when the disk is durable, before it is put in place: that
     * may have taken long. */
    bool (*is_wanted)(void *opaque);
    void *opaque;
    /* Or NULL.  Looks in place of destination_look_again(), for a process that
     * may not do it. */
    int (*look)(void *look_opaque, char *why, size_t size);
    void *look_opaque;

    /* Nothing may be written: set while there is a doubt (witness.c). */
    bool sealed;

    /* Set by destination_enter(). */
    int directory_fd;           /* where path is; or -1 */

    /* Set by destination_check(). */
    bool block;
    bool exists;                /* a known earlier copy is there, or what the
                                   admin allowed to be overwritten */
    struct claim earlier;       /* of what is there, if its secret was shown:
                                   else nothing of it is used or told */
    atomic_bool foreign;        /* a device with content that the source has
                                   not shown to know: it is compared by whole
                                   segments only, and what is not equal is
                                   wiped before it is written to (witness.c) */
    bool replaced;              /* so it was, and counts as if nothing had been
                                   there */
    bool blank;                 /* a device that reads all zero */
    struct sector_sizes own;    /* what it will be served with; 0: not known */
    char *staging_path;         /* of a regular file */
    char *main_staging_path;    /* the usual one, which every session for the
                                   path locks */
    bool goes_on;               /* what is there was begun by this source */
    struct claim claim;         /* of what is made */
    bool nothing;               /* is at path; else: */
    struct stat found;          /* what is */
    struct stamp stamp;         /* of a device */

    /* Set by destination_open(), and by destination_begin(): guard, begun. */
    bool thin;                  /* a device that is a thin volume */
    bool resumed;               /* the staging file holds something: of an
                                   earlier try, or of the earlier copy */
    int fd;
    int main_staging_fd;        /* only locked, or -1 */
    struct image storage;       /* what has been written, for reading back */
    struct coalesce *coalesce;  /* of a disk that is all zero, where the cache
                                   can be bypassed, until destination_sync() */
    int direct_fd;              /* then: O_DIRECT */
    struct guard guard;         /* of a device */
    bool begun;                 /* a device may have been written to, which is
                                   not complete */
    struct lookout *lookout;    /* of a device: when it was looked at */
    bool placeholder;           /* found is an empty file of ours */
    bool placed;                /* the staging file has become path */
    atomic_bool spoiled;        /* the staging file has what must not stay */
    int replaced_fd;            /* of what was there before, or -1 */

    /* Set when writing or placing fails: why, for the user, or NULL; what the
     * function returned says all then. */
    char *reason;
};

#define DESTINATION_INIT \
    { .directory_fd = -1, .fd = -1, .main_staging_fd = -1, \
      .storage = IMAGE_INIT, .direct_fd = -1, .replaced_fd = -1, \
      .guard = GUARD_INIT }

#endif
