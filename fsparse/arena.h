/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arena: memory that is handed out piece by piece and freed at once.  A map
 * has a million small strings; a malloc of each would cost more than they do.
 */
#ifndef FSPARSE_ARENA_H
#define FSPARSE_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *last;
    size_t used;                /* of the last chunk */
};

/* A copy of length bytes and a NUL after them, or NULL without memory. */
char *arena_copy(struct arena *a, const void *data, size_t length);

void arena_release(struct arena *a);

/* Makes room for one more element in an array; *p and *cap are changed
 * only on success.  Returns 0 or -ENOMEM. */
int array_grow(void **p, size_t n, size_t *cap, size_t element);

#endif
