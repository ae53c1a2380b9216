/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source's copy of a disk after its guest has moved away, for hosts that
 * must not keep it: removing it, or overwriting it first.
 *
 * This destroys data, so it trusts nothing that it has not seen itself:
 *  - the image must still be the one that was sent, and have the same stamp
 *    (stamp.h);
 *  - nobody may use it any more.  Of a file the kernel grants a write lease
 *    only if nobody else has it open, loop devices included, and while it is
 *    held nobody can begin to.  A device must be free for exclusive use, be no
 *    other domain's backend and be open in no process;
 *  - a file must have one name only: another one would keep the content;
 *  - the target's copy must have been seen to be another storage: where both
 *    were equal all the time, this may be the guest's only disk.
 * An image that is not as it should be within the time is left alone, and the
 * admin is told.
 *
 * xl is about to end or has ended, and with it the admin's attention: results
 * go to the terminal and to syslog.
 */
#ifndef PLUGIN_SOURCE_REMOVE_SOURCE_H
#define PLUGIN_SOURCE_REMOVE_SOURCE_H

#include <stdbool.h>

#include "plugin/image/stamp.h"

struct removal {
    struct removal *next;
    char *vdev;
    char *given;                /* path as the guest's configuration has it */
    char *path;                 /* the same without symbolic links */
    char *user;                 /* another domain that has it, or NULL */
    bool sent;
    bool apart;                 /* the target's copy is another storage */
    struct stamp stamp;         /* when the target's copy became equal */
};

struct remove_source {
    bool remove;                /* wanted: remove files */
    bool wipe;                  /* wanted: overwrite, then remove files */
    bool users_known;           /* remove_source_in_use() was told of all
                                   domains */
    struct removal *first;
};

enum {
    REMOVE_SOURCE_OPTION_REMOVE = 0x300,
    REMOVE_SOURCE_OPTION_WIPE,
};

#define REMOVE_SOURCE_OPTIONS_TABLE \
    { "remove-source", no_argument, NULL, REMOVE_SOURCE_OPTION_REMOVE }, \
    { "wipe-source", no_argument, NULL, REMOVE_SOURCE_OPTION_WIPE }

/* Takes an option.  -ENOENT: not one of these. */
int remove_source_option(struct remove_source *r, int option);

/* A writable disk that is about to be sent; nothing happens unless something
 * is wanted.  -ENOTSUP (logged) if it cannot be done with this disk. */
int remove_source_add(struct remove_source *r, const char *vdev,
                      const char *path);

/* A disk of another domain of this host. */
void remove_source_in_use(struct remove_source *r, const char *path,
                          const char *user);

/*
 * The guest runs elsewhere, and the caller has closed the images.  Waits at
 * most `seconds` for all of them to be free and does what is wanted;
 * the records (record.h) of what goes away go first.  0, or a negative errno
 * if something was left (logged).
 */
int remove_source_run(struct remove_source *r, unsigned seconds,
                      const char *state_dir, const char *uuid);

void remove_source_release(struct remove_source *r);

#endif
