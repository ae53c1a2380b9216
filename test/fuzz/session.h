/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session whose peer is the fuzzer: this stands in for wire.c and inbox.c, so
 * that an engine gets frames that it has not to wait for and can be run
 * thousands of times in one process.  (What these two do with bytes is
 * fuzz-wire's.)  It stands in as well for the pool of threads, and for what an
 * engine asks of the rest of the host: who uses a file, and a process that
 * reads references.
 */
#ifndef TEST_FUZZ_SESSION_H
#define TEST_FUZZ_SESSION_H

#include <stdbool.h>

#include "plugin/base/buf.h"
#include "plugin/wire/inbox.h"
#include "test/fuzz/fuzz.h"

/* What the engine has sent, the oldest first; data is owned. */
struct sent {
    struct sent *next;
    uint16_t type, disk;
    size_t length;
    uint8_t *data;
};

/* Fills in the next frame; false: the peer leaves, or, if the engine does not
 * wait, there is none yet.  Called by whatever thread asks for a frame, one at
 * a time. */
typedef bool session_next(bool wait, uint16_t disk, uint16_t *type_r,
                          uint16_t *disk_r, struct buf *payload);

/* Changes up to fifteen bytes of a payload, as the input says; places are
 * counted from its end as well, where digests are. */
void session_spoil(struct fuzz_input *in, struct buf *payload);

/* The wire and the inbox of a session that begins, and its end. */
struct wire *session_begin(session_next *next, struct inbox **in_r);
void session_end(void);

/* The oldest frame that was not yet taken; wait: for a moment, a few times in a
 * session, if there is none.  For free_sent(); NULL: there is none. */
struct sent *session_sent(bool wait);
void free_sent(struct sent *s);

/* A directory of our own in memory; it is removed at the end of the process.
 * Borrowed. */
const char *session_directory(void);
/* Removes what is in it but for the directory `keep`, NULL: nothing. */
void session_clean(const char *keep);

#endif
