/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers and sizes as users type them. */
#ifndef PLUGIN_BASE_NUMBER_H
#define PLUGIN_BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Reads a decimal number from min to max, and nothing else.  0 or -EINVAL. */
int number_parse(const char *text, unsigned long min, unsigned long max,
                 unsigned long *n_r);

/* Reads a size of at most max bytes: a number followed by K, M or G, of either
 * case, for units of 1024, 1024^2 or 1024^3 bytes, as rsync has them; without
 * a letter it is in the unit, which is one of these.  fraction: the number
 * need not be whole.  More than nothing is at least one byte.  0 or -EINVAL. */
int size_parse(const char *text, char unit, bool fraction, uint64_t max,
               uint64_t *bytes_r);

#endif
