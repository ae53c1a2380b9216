/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reader: the records of a parser process, one after the other.  What is in
 * them is for the caller to check.
 */
#ifndef FSPARSE_READER_H
#define FSPARSE_READER_H

#include "fsparse/process.h"
#include "fsparse/record.h"

struct reader;

/* NULL: no memory. */
struct reader *reader_new(void);

/* Starts a parser on the image; see process_start(). */
int reader_start(struct reader *r, const char *task, int image_fd,
                 int request_fd);

/* Waits for one record and checks its frame; the payload is valid until the
 * next call.  -ENODATA: the parser has ended, -EBADMSG: not a record,
 * -ETIME: after the deadline, -EACCES: it refuses to parse. */
int reader_next(struct reader *r, uint32_t *type_r, const void **payload_r,
                size_t *length_r);

/* Ends the parser and writes a text for people about a reader that failed with
 * rc.  r may be NULL. */
void reader_failure(struct reader *r, int rc, char *text, size_t size);

/* Ends the parser and frees r (which may be NULL). */
void reader_free(struct reader *r);

/* An open file of our own for the parser: the offset of the caller's stays
 * where it is, and the parser cannot write, whatever the caller may. */
int reader_reopen(int image_fd);

#endif
