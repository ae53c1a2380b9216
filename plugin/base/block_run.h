/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs of consecutive blocks of one kind: what is zero, what has data, and
 * what the caller leaves out.
 */
#ifndef PLUGIN_BASE_BLOCK_RUN_H
#define PLUGIN_BASE_BLOCK_RUN_H

#include <stddef.h>
#include <stdint.h>

enum block_kind {
    BLOCK_SKIPPED,              /* of no interest to the caller */
    BLOCK_ZERO,
    BLOCK_DATA,
};

/* Tells the kind of the n bytes at `at`, which are one block or the part of
 * one that the range has.  It may be asked twice about the same block. */
typedef enum block_kind block_kind_of(const void *opaque, uint64_t at,
                                      size_t n);

/*
 * Returns the length of the run that begins at `at`, not 0, and its kind in
 * *kind_r.  The range ends at `end`, which lies beyond `at`.  Blocks have
 * `block` bytes and begin at multiples of that; the first and the last may be
 * cut off by the range.  Units other than bytes will do as well.
 */
uint64_t block_run(uint64_t at, uint64_t end, size_t block,
                   block_kind_of *kind_of, const void *opaque,
                   enum block_kind *kind_r);

/* The same in the first `length` bytes at p, at < length, by whether a block is
 * all zero. */
size_t block_run_zero(const uint8_t *p, size_t at, size_t length, size_t block,
                      enum block_kind *kind_r);

#endif
