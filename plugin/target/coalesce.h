/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Content of a disk that is all zero yet, put together in memory so that a
 * segment is written once and at once: much of a disk consists of small files,
 * and their content comes from here and there.
 *
 * Safe for several threads at once.
 */
#ifndef PLUGIN_TARGET_COALESCE_H
#define PLUGIN_TARGET_COALESCE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct coalesce;

/* Writes length bytes of the disk, aligned to 4096 in memory, from one thread
 * or several.  0 or a negative errno.  What is zero is so there already. */
struct budget;

typedef int coalesce_write(void *opaque, const void *data, size_t length,
                           uint64_t offset);

/* size: of the disk, bytes.  Takes 16 MiB as it is used, out of the budget,
 * which may be NULL.  0, -ENOMEM, or -ENOBUFS: it is not worth that much. */
int coalesce_new(struct coalesce **c_r, uint64_t size, struct budget *budget,
                 coalesce_write *write, void *opaque);

/* Takes content, as far as its first segment goes.  Returns how many bytes of
 * it, from the first on; 0 if the caller has to write that part; a negative
 * errno if something could not be written. */
ssize_t coalesce_put(struct coalesce *c, const void *data, size_t length,
                     uint64_t offset);

/* Writes what it holds of a range of the disk; from now on the caller writes
 * there.  0 or a negative errno, also of an earlier failure.  c may be NULL. */
int coalesce_settle(struct coalesce *c, uint64_t offset, uint64_t length);

/* Drops what it holds, without writing it.  c may be NULL. */
void coalesce_free(struct coalesce *c);

#endif
