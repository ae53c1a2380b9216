/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a function says of its failure, to a caller that knows who reads it. */
#ifndef PLUGIN_BASE_EXPLAIN_H
#define PLUGIN_BASE_EXPLAIN_H

#include <stddef.h>

/* Puts the reason into why, cut to size bytes with the NUL.  Returns rc. */
int explain(char *why, size_t size, int rc, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
