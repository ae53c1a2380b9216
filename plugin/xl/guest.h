/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the helper at the source knows of the guest that is moved: who it is,
 * which disks its configuration names, what serves them, and who else uses
 * them, as the hook tells (control.h).  The disks that are read must be the
 * ones that the guest has, at the beginning and for as long as it lasts.
 *
 * Trusts the hook, which is this host's, and what backend.h trusts.
 */
#ifndef PLUGIN_XL_GUEST_H
#define PLUGIN_XL_GUEST_H

#include <stdbool.h>

#include "plugin/source/remove_source.h"
#include "plugin/source/sender.h"
#include "plugin/xl/backend.h"
#include "plugin/xl/control.h"

struct guest {
    /* Set by the caller; borrowed. */
    const char *host;           /* where it goes, for messages */
    bool memory_only;           /* its disks stay where they are */
    struct sender *sender;      /* has the images of its disks */

    /* Set by guest_begin(). */
    char uuid[64];
    char name[256];
    char domid[16];

    struct remove_source remove_source;
    struct backend *attached;   /* its disks at the beginning */
    struct backend *now;        /* as they were listed last, or NULL */
};

/* These take a message of the hook's: "begin", "disk" and "busy".  The sender
 * is set before the second.  0, -EPROTO: something is missing in it, or another
 * negative errno: cause and way out have been logged.  -EBUSY: another guest
 * writes to a disk, too. */
int guest_begin(struct guest *g, const struct control_msg *msg);
int guest_take_disk(struct guest *g, const struct control_msg *msg);
int guest_take_busy(struct guest *g, const struct control_msg *msg);

/* 0, or -ESTALE (logged) if a disk is attached that the configuration does not
 * have. */
int guest_check_configured(const struct guest *g);

/* 0, or -ESTALE (logged) unless the images are what serves the guest's disks.
 * Asked again whenever something depends on it. */
int guest_check_images(const struct guest *g);

/* The same, and whether `now` is what there was at the beginning; empties
 * `now`. */
int guest_check_listed(struct guest *g);

#endif
