/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command that connects to the other host: usually ssh, which runs
 * xl-dedup there.
 */
#ifndef PLUGIN_WIRE_PEER_H
#define PLUGIN_WIRE_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "plugin/wire/inbox.h"
#include "plugin/wire/wire.h"

struct peer {
    const char *host;           /* for messages */
    pid_t pid;                  /* -1: none, or it has ended */
    int status;                 /* then: as wait(2) has it, -1 if not known */
    bool by_shell;              /* sh finds the command, and not we */
    int in_fd;                  /* its standard output */
    int out_fd;                 /* its standard input */
};

/* No command. */
#define PEER_INIT { .pid = -1, .status = -1, .in_fd = -1, .out_fd = -1 }

/* Starts argv with pipes as its standard input and output.  Other
 * descriptors of ours that are not close-on-exec are inherited.  host is
 * borrowed.  0, and p is for peer_wait() or peer_end(); or a negative errno,
 * logged. */
int peer_start(struct peer *p, const char *host, const char *const *argv);

/* Begins the session with what was started: greetings, keep-alive, and the
 * inbox, which calls bytes() as inbox_start() says.  *w_r is set before it may.
 * Logs what stands in the way of the greeting: an unreachable host, a missing
 * xl-dedup, a login shell that prints, a terminal.  Then the command has been
 * ended.  watch_fd (-1: none): when its other end is closed before the peer has
 * answered, nobody waits for it any more. */
int peer_session(struct peer *p, const struct wire_options *options,
                 int watch_fd, struct wire **w_r, struct inbox **in_r,
                 inbox_bytes *bytes, void *opaque);

/* The other end of that: the session on our standard input and output, up to
 * the greeting, which is waited for as many seconds.  Says why there is none,
 * if the other end cannot tell.  -ENOTTY: one of the two is a terminal. */
int peer_accept(struct wire **w_r, unsigned seconds);

/* Ends what we say: the command sees the end of its input, and what it says
 * can still be read.  0 or a negative errno. */
int peer_hang_up(struct peer *p);

/* Does that, and waits up to a few seconds for the command to end; its
 * wait status, or -1 if it had to be left alone, or is not known. */
int peer_wait(struct peer *p);

/* After a failure: waits as peer_wait(), then ends the command and what it has
 * started.  On a line that is dead without a word ssh itself would stay for a
 * quarter of an hour, on a terminal for ever, and with it whoever waits for the
 * end of our standard error.  Does nothing if there is no command. */
void peer_end(struct peer *p);

#endif
