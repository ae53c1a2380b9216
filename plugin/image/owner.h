/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The owner of an image file, and who may use it.  A file that takes the place
 * of another gets all that the other has of this; a new one gets the owner, the
 * group and the mode of the source's file, if this host knows both names, else
 * it stays root's alone.
 */
#ifndef PLUGIN_IMAGE_OWNER_H
#define PLUGIN_IMAGE_OWNER_H

#include <stdbool.h>
#include <sys/types.h>

#include "plugin/base/buf.h"

/* What a new file gets. */
struct owner {
    bool known;                 /* else root's, 0600 */
    uid_t uid;
    gid_t gid;
    mode_t mode;                /* 0777 at most */
};

/* Puts owner, group and mode of an open file into a text, if the file is a
 * regular one and both have names here. */
void owner_offer(int fd, struct buf *text);

/* Looks up what such a text has to say.  Names that this host does not know,
 * and whatever makes no sense, leave o_r->known false. */
void owner_take(const void *text, size_t length, struct owner *o_r);

/* Gives a file to an owner.  Logs failure. */
void owner_give(int fd, const char *path, const struct owner *o);

/* Gives a file owner, group, mode, access list and security label of another
 * one.  Logs failure. */
void owner_copy(int from, int to, const char *path);

/* Has a file that is still empty overwritten in place (chattr +C), if another
 * one is. */
void owner_copy_nocow(int from, int to);

#endif
