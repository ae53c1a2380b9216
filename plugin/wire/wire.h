/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames over two file descriptors (docs/protocol.md, "Frames").
 *
 * Sending is safe for any number of threads: a frame goes out whole, and the
 * order in which payloads entered the compressor is the order on the wire.
 * Receiving is for one thread.  The peer is not trusted: lengths are bounded
 * before anything is allocated.
 *
 * Bytes are counted at the descriptors, so that the report tells what really
 * crossed (before ssh adds its own).
 */
#ifndef PLUGIN_WIRE_WIRE_H
#define PLUGIN_WIRE_WIRE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/buf.h"
#include "plugin/wire/frame.h"

struct wire;

struct wire_options {
    int level;              /* zstd's; 0: freight follows the link, all else
                               has the default */
    uint64_t bytes_per_second;      /* cap on what is sent; 0: none */
    unsigned greeting;      /* seconds without a byte that end the waiting for
                               the greeting; 0: no limit */
    unsigned timeout;       /* seconds without a byte that end the session;
                               0: the default */
};

#define WIRE_LEVEL_DEFAULT 3
#define WIRE_LEVEL_MAX 19
#define WIRE_TIMEOUT_DEFAULT 60
#define WIRE_TIMEOUT_MIN 20     /* ALIVE comes every ten seconds */

/* Takes over both descriptors (they may be the same) and makes them
 * non-blocking.  *w_r is for wire_free().  -ENOMEM. */
int wire_new(struct wire **w_r, int in_fd, int out_fd,
             const struct wire_options *opt);
/* Closes the descriptors.  No other thread may still use w. */
void wire_free(struct wire *w);

/*
 * Exchanges greetings.  -EPIPE: the peer is gone without a word; -EPROTO:
 * what came is not a greeting, and garbage (size bytes) holds the first line
 * of it that is not empty, made printable; -EILSEQ: it is a greeting that was
 * changed on the way, as a terminal changes it, or ours that one has echoed;
 * -EPROTONOSUPPORT: another version; -ETIMEDOUT: see wire_options.greeting.
 * Without such a limit it waits: somebody may have to type a password.
 * -ECANCELED: watch_fd (-1: none) was closed at its other end meanwhile.
 */
int wire_greet(struct wire *w, int watch_fd, char *garbage, size_t size);

/* Right after the greeting, before any other frame: the target says what the
 * source's proofs (docs/protocol.md, "Secrets of copies") are to be about,
 * random bytes that are never said again; and the source hears it.  0, or what
 * wire_send() or wire_recv() return; -EBADMSG: a frame of type *type_r came
 * instead. */
int wire_challenge(struct wire *w);
int wire_hear_challenge(struct wire *w, uint16_t *type_r);
/* PROTO_NONCE bytes of that, at either side. */
const uint8_t *wire_nonce(const struct wire *w);

/* The timeout (wire_options), in seconds: another one from now on, and the one
 * that holds.  Any thread. */
void wire_set_timeout(struct wire *w, unsigned seconds);
unsigned wire_timeout(const struct wire *w);

/* Sends ALIVE every ten seconds from now on, so that a peer that works for a
 * long time is told from a dead line.  0, or a negative errno: there is no
 * thread for it. */
int wire_keep_alive(struct wire *w);

/* A piece of work is done: ALIVE says how many were, so that a peer that works
 * for a long time is told from one that hangs.  Any thread. */
void wire_worked(struct wire *w);

/* Sends one frame; blocks.  -EPIPE if the peer is gone, -ETIMEDOUT if it has
 * not taken anything for too long.  After FAIL and BYE nothing is sent, by
 * whatever thread: -EPIPE. */
int wire_send(struct wire *w, uint16_t type, uint16_t disk,
              const void *data, size_t length);
int wire_send_buf(struct wire *w, uint16_t type, uint16_t disk,
                  const struct buf *b);
/* The same for a payload that is packed already: it goes as it stands. */
int wire_send_plain(struct wire *w, uint16_t type, uint16_t disk,
                    const struct buf *b);

/* Hands a frame over to be sent as freight (freight.h): some time, after what
 * was handed over before.  An error may be that of an earlier frame; it ends
 * the receiving as well. */
int wire_send_freight(struct wire *w, uint16_t type, uint16_t disk,
                      const void *data, size_t length);
int wire_send_freight_buf(struct wire *w, uint16_t type, uint16_t disk,
                          const struct buf *b);
/* The target has to answer what was handed over, and nothing more comes before
 * it has: sends it without waiting for more. */
void wire_flush_freight(struct wire *w);

/* Waits for a frame, for frame_release().  -EPIPE at end of file, -ETIMEDOUT if
 * nothing came for too long, -EPROTO (logged) if the peer breaks the protocol,
 * or why freight could not be sent. */
int wire_recv(struct wire *w, struct frame *f);

/* What wire_recv() does with a payload that is packed, and with FREIGHT.  A
 * target does not unpack anything while it has rights: first it refuses that,
 * as no source of ours sends it then, and when it has answered, it leaves it
 * where it is until it has given its rights up.  Any thread. */
enum wire_packed {
    WIRE_PACKED_TAKE,           /* from the beginning */
    WIRE_PACKED_REFUSE,         /* -EPROTO */
    WIRE_PACKED_HOLD,           /* waits */
};
void wire_set_packed(struct wire *w, enum wire_packed how);

/* Opens and reads what sending may need later, for a process that will not be
 * able to open files any more. */
void wire_prepare(void);

/* Seconds that senders have waited for the line, or for the cap. */
double wire_waited(const struct wire *w);

/* Bytes that have gone out and have come in so far. */
uint64_t wire_bytes_out(const struct wire *w);
uint64_t wire_bytes_in(const struct wire *w);
/* How many of these were frames of one disk (below PROTO_DISKS_MAX). */
void wire_bytes_of_disk(const struct wire *w, uint16_t disk, uint64_t *out_r,
                        uint64_t *in_r);

#endif
