/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order in which objects are sent; see order.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/order.h"

#define EXTENSION_MAX 8         /* bytes; what is longer is none */

struct order {
    size_t n;
    uint32_t *sorted;           /* rank -> index */
    uint32_t *rank;
    uint64_t *waiting;          /* a bit for each rank */
    size_t n_waiting;
    size_t next;                /* rank, at most n */
};

struct ranking {
    const struct manifest *m;
    const uint32_t *numbers;
};

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The extension, *length_r bytes with the dot, or none.  Of libz.so.1.2.13 it
 * is .so. */
static const char *extension(const char *path, size_t *length_r)
{
    const char *name = last_part(path), *end = name + strlen(name), *dot;

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

static int compare_extensions(const char *a, const char *b)
{
    size_t la, lb;
    const char *ea = extension(a, &la), *eb = extension(b, &lb);
    int c = memcmp(ea, eb, la < lb ? la : lb);

    return c ? c : (la > lb) - (la < lb);
}

static int compare(const void *x, const void *y, void *opaque)
{
    const struct ranking *r = opaque;
    const struct object *a = manifest_object(r->m, r->numbers[*(uint32_t *)x]);
    const struct object *b = manifest_object(r->m, r->numbers[*(uint32_t *)y]);
    const char *pa, *pb;
    int c;

    if (a->file == OBJECT_RAW || b->file == OBJECT_RAW) {
        if (a->file != b->file)
            return a->file == OBJECT_RAW ? 1 : -1;
        return (a->raw.physical > b->raw.physical) -
            (a->raw.physical < b->raw.physical);
    }
    pa = r->m->map->files[a->file].path;
    pb = r->m->map->files[b->file].path;
    c = compare_extensions(pa, pb);
    return c ? c : strcmp(pa, pb);
}

int order_new(struct order **o_r, const struct manifest *m,
              const uint32_t *numbers, size_t n)
{
    struct ranking r = { m, numbers };
    struct order *o = calloc(1, sizeof(*o));
    size_t i;

    if (!o)
        return -ENOMEM;
    o->n = n;
    o->sorted = calloc(n + 1, sizeof(*o->sorted));
    o->rank = calloc(n + 1, sizeof(*o->rank));
    o->waiting = calloc(n / 64 + 1, sizeof(*o->waiting));
    if (!o->sorted || !o->rank || !o->waiting) {
        order_free(o);
        return -ENOMEM;
    }
    for (i = 0; i < n; i++)
        o->sorted[i] = i;
    qsort_r(o->sorted, n, sizeof(*o->sorted), compare, &r);
    for (i = 0; i < n; i++)
        o->rank[o->sorted[i]] = i;
    *o_r = o;
    return 0;
}

void order_free(struct order *o)
{
    if (!o)
        return;
    free(o->sorted);
    free(o->rank);
    free(o->waiting);
    free(o);
}

void order_add(struct order *o, size_t i)
{
    o->waiting[o->rank[i] / 64] |= UINT64_C(1) << o->rank[i] % 64;
    o->n_waiting++;
}

bool order_has(const struct order *o, size_t i)
{
    return o->waiting[o->rank[i] / 64] >> o->rank[i] % 64 & 1;
}

bool order_is_empty(const struct order *o)
{
    return o->n_waiting == 0;
}

bool order_take(struct order *o, size_t *i_r)
{
    size_t word, rank;
    uint64_t bits;

    if (o->n_waiting == 0)
        return false;
    word = o->next / 64;
    bits = o->waiting[word] & -(UINT64_C(1) << o->next % 64);
    while (!bits) {
        word = word < o->n / 64 ? word + 1 : 0;
        bits = o->waiting[word];
    }
    rank = word * 64 + __builtin_ctzll(bits);
    o->waiting[word] &= ~(UINT64_C(1) << rank % 64);
    o->n_waiting--;
    o->next = rank + 1;
    *i_r = o->sorted[rank];
    return true;
}
