/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text for sh, and the command line ("rune") that xl is to run as its
 * migration transport.
 */
#ifndef LIBXLHOOKS_RUNE_H
#define LIBXLHOOKS_RUNE_H

#include <stddef.h>

#include "libxlhooks/options.h"

/* Grows; out of memory ends the program, which has done nothing yet. */
struct text {
    char *data;         /* NUL-terminated once something was added */
    size_t length;
};

#define TEXT_INIT { NULL, 0 }

void text_add(struct text *t, const char *s);
/* Adds s as one word of sh, quoted only where it needs to be. */
void text_add_word(struct text *t, const char *s);

/* The command for a dry run, to be freed. */
char *rune_build_dry(const struct options *o, const char *helper);

/* The rune, to be freed.  helper is the path of xl-dedup, peer the number of
 * its end of the control channel, tty whether stderr is a terminal. */
char *rune_build(const struct options *o, const char *helper, int peer,
                 int tty);

#endif
