/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command that connects to the other host: usually ssh, which runs
 * xl-dedup there.
 */
#ifndef PLUGIN_PEER_H
#define PLUGIN_PEER_H

#include <sys/types.h>

#include "plugin/inbox.h"
#include "plugin/wire.h"

struct peer {
    const char *host;           /* for messages */
    pid_t pid;
    int in_fd;                  /* its standard output */
    int out_fd;                 /* its standard input */
};

/* Starts argv with pipes as its standard input and output.  Other
 * descriptors of ours that are not close-on-exec are inherited. */
int peer_start(struct peer *p, const char *host, const char *const *argv);

/* Begins the session with what was started: greetings, keep-alive, and the
 * inbox, which calls bytes() as inbox_start() says.  *w_r is set before it may.
 * Logs what stands in the way of the greeting: an unreachable host, a missing
 * xl-dedup, a login shell that prints.  Then the connection is of no more
 * use. */
int peer_session(struct peer *p, const struct wire_options *options,
                 struct wire **w_r, struct inbox **in_r, inbox_bytes *bytes,
                 void *opaque);

/* Ends what we say, and waits up to a few seconds for the command to end; its
 * wait status, or -1 if it had to be left alone. */
int peer_wait(struct peer *p);

/* After a failure: waits as peer_wait(), then ends the command.  On a line
 * that is dead without a word ssh itself would stay for a quarter of an hour,
 * and with it whoever waits for the end of our standard error. */
void peer_end(struct peer *p);

#endif
