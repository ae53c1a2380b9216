/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order in which objects are sent; see send_order.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/paths.h"
#include "plugin/source/send_order.h"

#define EXTENSION_MAX 8         /* bytes; what is longer is none */

/* One that waits: of two the one with the lower round leaves first, then the
 * one with the lower place in it.  Round 0 is of what will not compress: it is
 * over whenever there is none of that. */
struct waiting {
    uint64_t place;
    uint32_t round;
    uint32_t number;
};

struct send_order {
    uint32_t *rank;             /* of files, by their index; from 1 on */
    struct waiting *heap;
    size_t n, room;
    uint32_t round;             /* of the one that left last, from 1 on */
    uint64_t place;
};

/* Places of raw objects, after those of all files. */
#define PLACE_RAW (UINT64_C(1) << 63)

/* The extension, *length_r bytes with the dot, or none.  Of libz.so.1.2.13 it
 * is .so. */
static const char *extension(const char *path, size_t *length_r)
{
    const char *name = path_basename(path), *end = name + strlen(name), *dot;

    for (;; end = dot) {
        for (dot = end; dot > name && dot[-1] != '.'; dot--)
            ;
        if (dot <= name + 1 || end - dot > EXTENSION_MAX || dot == end)
            break;
        dot--;
        if (strspn(dot + 1, "0123456789") < (size_t)(end - dot - 1)) {
            *length_r = end - dot;
            return dot;
        }
    }
    *length_r = 0;
    return end;
}

/* A file to be ranked. */
struct named {
    const char *path;
    const char *extension;
    uint32_t length;            /* of that */
    uint32_t file;
};

static int compare(const void *x, const void *y)
{
    const struct named *a = x, *b = y;
    int c = memcmp(a->extension, b->extension,
                   a->length < b->length ? a->length : b->length);

    if (!c)
        c = (a->length > b->length) - (a->length < b->length);
    return c ? c : strcmp(a->path, b->path);
}

static int rank_files(struct send_order *o, const struct fsparse_map *map)
{
    struct named *sorted = calloc(map->n_files + 1, sizeof(*sorted));
    size_t i, length;

    o->rank = calloc(map->n_files + 1, sizeof(*o->rank));
    if (!sorted || !o->rank) {
        free(sorted);
        return -ENOMEM;
    }
    for (i = 0; i < map->n_files; i++) {
        sorted[i].path = map->files[i].path;
        sorted[i].extension = extension(sorted[i].path, &length);
        sorted[i].length = length;
        sorted[i].file = i;
    }
    qsort(sorted, map->n_files, sizeof(*sorted), compare);
    for (i = 0; i < map->n_files; i++)
        o->rank[sorted[i].file] = i + 1;
    free(sorted);
    return 0;
}

int send_order_new(struct send_order **o_r, const struct manifest *m)
{
    struct send_order *o = calloc(1, sizeof(*o));
    int rc;

    if (!o)
        return -ENOMEM;
    o->round = 1;
    rc = rank_files(o, m->map);
    if (rc) {
        send_order_free(o);
        return rc;
    }
    *o_r = o;
    return 0;
}

void send_order_free(struct send_order *o)
{
    if (!o)
        return;
    free(o->rank);
    free(o->heap);
    free(o);
}

static bool before(const struct waiting *a, const struct waiting *b)
{
    return a->round != b->round ? a->round < b->round : a->place < b->place;
}

int send_order_add(struct send_order *o, const struct object *object,
                   uint32_t number, bool whole)
{
    size_t room = o->room ? 2 * o->room : 256, i, parent;
    struct waiting w = { .number = number, .round = o->round }, *heap;

    if (o->n == o->room) {
        heap = reallocarray(o->heap, room, sizeof(*heap));
        if (!heap)
            return -ENOMEM;
        o->heap = heap;
        o->room = room;
    }
    w.place = object->file == OBJECT_RAW ? PLACE_RAW | object->raw.physical :
        o->rank[object->file];
    if (whole && object->packed)
        w.round = 0;
    else if (w.place <= o->place)
        w.round++;
    for (i = o->n++; i > 0; i = parent) {
        parent = (i - 1) / 2;
        if (!before(&w, &o->heap[parent]))
            break;
        o->heap[i] = o->heap[parent];
    }
    o->heap[i] = w;
    return 0;
}

bool send_order_is_empty(const struct send_order *o)
{
    return o->n == 0;
}

bool send_order_take(struct send_order *o, uint32_t *number_r)
{
    struct waiting last;
    size_t i, child;

    if (o->n == 0)
        return false;
    if (o->heap[0].round > 0) {
        o->round = o->heap[0].round;
        o->place = o->heap[0].place;
    }
    *number_r = o->heap[0].number;
    last = o->heap[--o->n];
    for (i = 0; (child = 2 * i + 1) < o->n; i = child) {
        if (child + 1 < o->n && before(&o->heap[child + 1], &o->heap[child]))
            child++;
        if (!before(&o->heap[child], &last))
            break;
        o->heap[i] = o->heap[child];
    }
    o->heap[i] = last;
    return true;
}
