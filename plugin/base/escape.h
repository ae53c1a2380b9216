/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that a guest or a peer chose, made fit for terminals and for JSON. */
#ifndef PLUGIN_BASE_ESCAPE_H
#define PLUGIN_BASE_ESCAPE_H

#include <stddef.h>

/* Copies text (any bytes) as printable UTF-8 that can be told apart from any
 * other: backslash, control characters and what is not UTF-8 become \xHH, byte
 * by byte.  Cuts at whole characters to fit size.  Returns buf. */
char *text_escape(const char *text, char *buf, size_t size);

#endif
