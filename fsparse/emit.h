/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Emit: the parser's side of record.h.
 *
 * Nothing is returned: when the reader has gone there is nobody to tell, and
 * the first failed write ends the process.
 */
#ifndef FSPARSE_EMIT_H
#define FSPARSE_EMIT_H

#include "fsparse/fsparse.h"
#include "fsparse/window.h"

struct emit;

struct emit *emit_new(int fd);

/* emit_partition's order of calls gives the indices that files refer to. */
void emit_partition(struct emit *e, const struct fsparse_partition *p);

/* Of f all but the extents.  Strings that are too long for a record are the
 * caller's to avoid. */
void emit_file(struct emit *e, const struct fsparse_file *f);

/* An extent of the last file; place counts from the window's start.  What
 * touches the one before becomes one with it. */
void emit_extent(struct emit *e, const struct window *w, uint64_t logical,
                 uint64_t place, uint64_t length);

/* The last file's content could not be found completely. */
void emit_cut(struct emit *e);

/* The partition's file system could be opened. */
void emit_parsed(struct emit *e, unsigned partition);

void emit_note(struct emit *e, unsigned partition, const char *text);

/* Bytes of the partition that nobody has. */
void emit_free(struct emit *e, unsigned partition, uint64_t start,
               uint64_t length);

/* Why it is not certain what nobody has of the partition: one clause. */
void emit_doubt(struct emit *e, unsigned partition, const char *text);

/* Plain content: the stream with this number of the request will have size
 * bytes.  emit_data() adds some; length <= RECORD_MAX. */
void emit_plain(struct emit *e, uint32_t number, uint64_t size);
void emit_data(struct emit *e, const void *data, size_t length);

/* Why nothing is parsed; emit_end() does not follow.  Frees e. */
void emit_refused(struct emit *e, const char *text);

/* The end of the stream; writes what is buffered and frees e. */
void emit_end(struct emit *e);

#endif
