/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parse_plain: the parser's second mode, plain content (record.h).
 */
#ifndef FSPARSE_PARSE_PLAIN_H
#define FSPARSE_PARSE_PLAIN_H

#include "fsparse/emit.h"
#include "fsparse/record.h"

/* Maps the request, a regular file on fd; c is what comes after its magic.
 * Returns 0 or a negative errno. */
int plain_request(int fd, struct record_cursor *c);

/* Emits what is wanted and can be read. */
void plain_answer(struct record_cursor *c, int image_fd, struct emit *e);

#endif
