/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source's end of the control channel (control.h), while a session goes on:
 * whoever waits for the hook also hears that the target has ended the session,
 * and whoever waits for the target hears that xl has gone.
 *
 * For the session's thread.
 */
#ifndef PLUGIN_XL_HOOK_CHANNEL_H
#define PLUGIN_XL_HOOK_CHANNEL_H

#include "plugin/wire/inbox.h"
#include "plugin/xl/control.h"

struct hook_channel {
    int fd;                     /* -1: none */
    struct inbox *inbox;        /* borrowed; set before anything is heard */
};

#define HOOK_CHANNEL_INIT { -1, NULL }

/* Waits until the hook says something: 0, and *msg is filled.  -EAGAIN: that
 * many milliseconds are over (-1: no limit); -ECANCELED: the hook is gone;
 * -EPROTO: that was no message; or what inbox_next() says of the session. */
int hook_channel_next(const struct hook_channel *h, struct control_msg *msg,
                      int milliseconds);

/* Sends a verb without any more.  0, -ECANCELED: the hook is gone; or another
 * negative errno. */
int hook_channel_say(const struct hook_channel *h, const char *verb);

/* From now on the hook may speak while the session waits for frames, and is
 * heard later; but if it goes, what waits ends with -ECANCELED. */
void hook_channel_watch_end(const struct hook_channel *h);

#endif
