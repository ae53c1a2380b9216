/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arena: see arena.h.  Chunks of 256 KiB; what is larger gets a chunk of its
 * own size.
 */
#include "config.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fsparse/arena.h"

#define CHUNK_SIZE ((size_t)256 << 10)

struct arena_chunk {
    struct arena_chunk *before;
    size_t size;
    char bytes[];
};

static int chunk_add(struct arena *a, size_t size)
{
    struct arena_chunk *c = malloc(sizeof(*c) + size);

    if (!c)
        return -ENOMEM;
    c->before = a->last;
    c->size = size;
    a->last = c;
    a->used = 0;
    return 0;
}

char *arena_copy(struct arena *a, const void *data, size_t length)
{
    size_t need = length + 1;
    char *copy;

    if (!a->last || a->last->size - a->used < need) {
        if (chunk_add(a, need > CHUNK_SIZE ? need : CHUNK_SIZE))
            return NULL;
    }
    copy = a->last->bytes + a->used;
    a->used += need;
    if (length)
        memcpy(copy, data, length);
    copy[length] = '\0';
    return copy;
}

void arena_release(struct arena *a)
{
    while (a->last) {
        struct arena_chunk *before = a->last->before;

        free(a->last);
        a->last = before;
    }
    a->used = 0;
}

int array_grow(void **p, size_t n, size_t *cap, size_t element)
{
    size_t more;
    void *bigger;

    if (n < *cap)
        return 0;
    more = *cap ? *cap + *cap / 2 : 64;
    if (more > SIZE_MAX / element)
        return -ENOMEM;
    bigger = realloc(*p, more * element);
    if (!bigger)
        return -ENOMEM;
    *p = bigger;
    *cap = more;
    return 0;
}
