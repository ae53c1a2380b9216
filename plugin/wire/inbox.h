/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The receiving side of a session: one thread reads frames off the wire.
 *
 * Bytes of xl's handshake and of the memory stream go straight to a callback
 * on that thread, so that a busy engine does not hold them up; all other
 * frames wait in queues: one of the session and, where several disks are
 * served side by side, one of each disk, for the thread that serves it.  The
 * queues are bounded: a peer that sends faster than the engine works is
 * slowed down through the wire.
 *
 * While it waits for a frame the session's thread can watch one more
 * descriptor, the control channel: what happens to xl must end a session that
 * only waits.
 */
#ifndef PLUGIN_WIRE_INBOX_H
#define PLUGIN_WIRE_INBOX_H

#include <poll.h>
#include <stdbool.h>

#include "plugin/wire/wire.h"

struct inbox;

/* Gets XL frames and those of the memory (PROTO_IS_MEMORY), and may take their
 * data over.  A non-zero return ends the session. */
typedef int inbox_bytes(void *opaque, struct frame *f);

/* Borrows the wire, and the peer's name (for messages); its thread runs until
 * the wire or the process ends, and *in_r lives as long.  0 or a negative
 * errno. */
int inbox_start(struct inbox **in_r, struct wire *w, const char *peer,
                inbox_bytes *bytes, void *opaque);

/* From now on frames of disks below n_disks wait in queues of their own.
 * Called once at most, while none is waiting.  0 or a negative errno. */
int inbox_split(struct inbox *in, unsigned n_disks);

/* Descriptor to watch in inbox_next() and inbox_wait(), or -1, and for what:
 * POLLIN, or POLLRDHUP for its end only.  For the session's thread. */
void inbox_watch(struct inbox *in, int fd, short events);

/* Waits until fd is readable: 0.  -EBUSY: the session has a frame (not: has
 * ended); -ECANCELED: what is watched for has happened; -EAGAIN: the time is
 * over (-1: none). */
int inbox_wait(struct inbox *in, int fd, int milliseconds);

/*
 * Waits for the next frame of a disk that has a queue of its own, or of the
 * session and all other disks.  0: f is filled, for frame_release().
 * -EPIPE: the peer is gone or broke the protocol (logged).
 * -ECONNABORTED: the peer sent FAIL; its message has been logged.
 * -ECANCELED: what is watched for has happened (session only).
 */
int inbox_next(struct inbox *in, uint16_t disk, struct frame *f);

/*
 * inbox_next() for a disk that has a queue of its own, while the peer has a
 * task, such as "make disk xvda durable".  After some seconds it is shown what
 * is waited for.  -ETIME (logged, once for all disks): there is a limit, and
 * for that long the peer has got no further, with this disk or any other.
 */
int inbox_await(struct inbox *in, uint16_t disk, const char *task,
                struct frame *f);

/* When the peer was last seen to get on, by monotonic_ms(). */
uint64_t inbox_heard_ms(struct inbox *in);

/* From now on the peer may take this many seconds without getting on, which any
 * frame shows but an ALIVE that tells of no work done; 0: no limit. */
void inbox_limit(struct inbox *in, unsigned seconds);

/* inbox_next() for a disk that has a queue of its own, until fd is readable:
 * then -ECANCELED, unless a frame is there. */
int inbox_next_or(struct inbox *in, uint16_t disk, int fd, struct frame *f);

/* inbox_next() that does not wait: -EAGAIN if there is nothing. */
int inbox_try(struct inbox *in, uint16_t disk, struct frame *f);

/* inbox_next() for a frame of a certain type: anything else is logged and
 * -EPROTO. */
int inbox_expect(struct inbox *in, uint16_t disk, uint16_t type,
                 struct frame *f);
/* The same for inbox_await(). */
int inbox_expect_task(struct inbox *in, uint16_t disk, const char *task,
                      uint16_t type, struct frame *f);

/* Says that the peer has sent what does not belong here, and returns -EPROTO;
 * or, if it has given a reason to end the session meanwhile, says that one and
 * returns -ECONNABORTED. */
int inbox_misplaced(struct inbox *in, const struct frame *f);

/* After wire_send() failed with rc: logs why the session ends, which may be
 * waiting among what the peer sent before it left; waits some seconds for
 * that.  Nothing is said twice, and no frames are to be had after this. */
void inbox_explain(struct inbox *in, int rc);

/* The caller says why the session ends: nothing more is logged about it. */
void inbox_hush(struct inbox *in);

/* Whether the peer has left or ended the session; frames that came before may
 * still be waiting.  inbox_explain() of -EPIPE then says why. */
bool inbox_over(struct inbox *in);

/* Readable when inbox_next() of the session would not wait for the peer. */
int inbox_fd(const struct inbox *in);

#endif
