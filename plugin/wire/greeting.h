/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The greetings that a session begins with (docs/protocol.md, "Greeting"), and
 * what may come in their place: a shell's words, a terminal's echo. */
#ifndef PLUGIN_WIRE_GREETING_H
#define PLUGIN_WIRE_GREETING_H

#include <stddef.h>

#include "plugin/wire/line.h"

/* Exchanges greetings, before any other thread uses the line.  limit: seconds
 * of silence that end it with -ETIMEDOUT; 0: none.  The rest is as wire_greet()
 * says (wire.h). */
int greeting_exchange(struct line *l, unsigned limit, int watch_fd,
                      char *garbage, size_t size);

#endif
