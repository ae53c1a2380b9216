/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The digest of a stream (base/digest.h), which a thread of its own makes while
 * the caller does something else with the same bytes.
 *
 * The thread waits for bytes as long as the process lives, so there is nothing
 * that frees this.  One thread calls the functions.
 */
#ifndef PLUGIN_MEMORY_STREAM_DIGEST_H
#define PLUGIN_MEMORY_STREAM_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "plugin/base/digest.h"

struct stream_digest;

/* Starts the thread.  0 or a negative errno. */
int stream_digest_new(struct stream_digest **s_r);

/* Begins with the next length bytes, which are borrowed until
 * stream_digest_wait() returns.  That must have been called since the bytes
 * before these. */
void stream_digest_begin(struct stream_digest *s, const void *data,
                         size_t length);
void stream_digest_wait(struct stream_digest *s);

/* Writes the digest of all bytes, after stream_digest_wait(). */
void stream_digest_final(const struct stream_digest *s,
                         uint8_t hash[HASH_BYTES]);

#endif
