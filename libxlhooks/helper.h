/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the hooks say to the helper's end of the control channel
 * (plugin/xl/control.h) and hear from it, and to the admin.
 *
 * The helper writes to the same terminal.  What it has reported itself is not
 * said again here.
 */
#ifndef LIBXLHOOKS_HELPER_H
#define LIBXLHOOKS_HELPER_H

/* The variable with the number of the helper's own end of the channel, which
 * the helper inherits through xl. */
#define PEER_FD_ENV "XL_DEDUP_PEER_FD"

/* Writes one line to stderr (stdout of migrate-receive is xl's protocol), in
 * printable text (base/escape.h); keeps errno. */
void hook_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Returns rc, what sending a message to the helper came to, and logs it if it
 * is an error.  -EPIPE is not logged: a helper that ends early says why. */
int hook_told(int rc);

/* Waits for verb.  Returns 0, -ECANCELED for "fail", -EPIPE at end of file,
 * -EPROTO for another message, or another negative errno; logs what the helper
 * cannot have logged. */
int hook_expect(int control, const char *verb);

#endif
