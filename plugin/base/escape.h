/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text that a guest, a peer, xenstore or a record chose, made fit for
 * terminals, logs and JSON.
 *
 * The result is valid UTF-8 on one line, in which every character is seen and
 * none changes how another is seen.  Letters, digits, marks and signs of all
 * scripts stay; bytes that are no UTF-8, control and format characters (ESC,
 * line ends, bidirectional controls, zero-width characters), blanks other than
 * U+0020 and U+3000, private characters and noncharacters become \xHH, byte by
 * byte.  A character that Unicode has not assigned yet stays, so that names in
 * newer scripts than this list can be read; a letter of a script that is
 * written from right to left is shown as its terminal shows it.
 *
 * All of these cut at whole characters to fit size, which counts the NUL, need
 * four bytes for one at most, and return buf.
 */
#ifndef PLUGIN_BASE_ESCAPE_H
#define PLUGIN_BASE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/* Escapes a backslash, too, so that no two texts have the same result. */
char *text_escape(const char *text, char *buf, size_t size);

/* Escapes a blank as well, so that the result is one word: one column of a
 * table. */
char *text_escape_word(const char *text, char *buf, size_t size);

/* Leaves the backslash alone, so that what is escaped already stays as it is:
 * for whole messages. */
char *text_escape_line(const char *text, char *buf, size_t size);

/* Whether text_escape_line() would change nothing. */
bool text_is_printable(const char *text);

#endif
