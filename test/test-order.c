/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of order.c. */
#include "config.h"

#include "test/unit.h"

#include "plugin/order.h"

int fsparse_map_image(int fd, uint64_t size, struct fsparse_map **map_r)
{
    (void)fd;
    (void)size;
    (void)map_r;
    abort();
}

void fsparse_map_free(struct fsparse_map *map)
{
    (void)map;
}

#define N 12

/* In the order that is expected of them. */
static const char *const paths[N] = {
    "/.hidden", "/bin/a", "/bin/b", "/x.verylongone", "/z/1.2.3",
    "/a/b.gz.1", "/b/z.gz", "/lib/a.so", "/lib/a.so.1.2", "/opt/c.so",
    NULL, NULL,                             /* raw, by place */
};

static void sorted(void)
{
    struct fsparse_file files[N] = { { 0 } };
    struct fsparse_map map = { .files = files, .n_files = N };
    struct manifest m = { .map = &map };
    struct object objects[N] = { { 0 } }, *raw[N];
    uint32_t numbers[N];
    struct order *o;
    size_t i, got, other;

    /* number i of the wire is object (i * 5) mod N, and its path the same */
    for (i = 0; i < N; i++) {
        numbers[i] = i * 5 % N;
        files[i].path = paths[i] ? paths[i] : "";
        objects[i].file = paths[i] ? i : OBJECT_RAW;
        objects[i].raw.physical = i;
    }
    m.files = objects;
    m.n_files = N - 2;
    for (i = 0; i < 2; i++)
        raw[i] = &objects[N - 2 + i];
    m.raw = raw;
    m.n_raw = 2;
    assert(!order_new(&o, &m, numbers, N));
    assert(order_is_empty(o) && !order_take(o, &got));
    for (i = 0; i < N; i++) {
        order_add(o, i);
        assert(order_has(o, i));
    }
    for (i = 0; i < N; i++) {
        assert(order_take(o, &got) && !order_has(o, got));
        assert(numbers[got] == i);
    }
    assert(order_is_empty(o));
    /* it goes round: what comes late waits for its next turn */
    for (i = 0; i < 3; i++)
        order_add(o, i);
    assert(order_take(o, &got));
    order_add(o, got);
    for (i = 0; i < 3; i++)
        assert(order_take(o, &other));
    assert(other == got && order_is_empty(o));
    order_free(o);
    order_free(NULL);
}

int main(void)
{
    RUN(sorted);
    return 0;
}
