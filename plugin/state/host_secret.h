/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A secret of this host, from which keys are made that are to be the same in
 * every session and known to no peer before: 32 random bytes, in the file
 * "secret" of the state directory, which is made once and is root's alone.
 *
 * Where there is none and none can be made, or is to be made, the secret comes
 * from the kernel's number of this boot, which no peer knows either.
 */
#ifndef PLUGIN_STATE_HOST_SECRET_H
#define PLUGIN_STATE_HOST_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOST_SECRET_BYTES 32

/* Reads the secret; make: or makes it.  What is not a file of this user's,
 * which nobody else may read, is no secret, and is logged. */
void host_secret_load(const char *state_dir, bool make,
                      uint8_t secret[HOST_SECRET_BYTES]);

/* A key for a purpose, of what it is for: keyed BLAKE3 of both.  At most 64
 * bytes. */
void host_secret_derive(const uint8_t secret[HOST_SECRET_BYTES],
                        const char *purpose, const void *data, size_t length,
                        uint8_t *key, size_t key_length);

#endif
