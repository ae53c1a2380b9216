/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of send_order.c. */
#include "config.h"

#include "test/unit/unit.h"

#include "plugin/source/send_order.h"

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
#define RAW 2                           /* of these */

/* In the order that is expected of them. */
static const char *const paths[N] = {
    "/.hidden", "/bin/a", "/bin/b", "/x.verylongone", "/z/1.2.3",
    "/a/b.gz.1", "/b/z.gz", "/lib/a.so", "/lib/a.so.1.2", "/opt/c.so",
    NULL, NULL,                             /* raw, by place */
};

/* Of the same objects: the order goes round, so what comes late waits for its
 * next turn. */
static void goes_round(struct send_order *o, const struct object *objects)
{
    uint32_t got, i;

    for (i = 0; i < 3; i++)
        assert(!send_order_add(o, &objects[i], i, true));
    assert(send_order_take(o, &got) && got == 0);
    assert(!send_order_add(o, &objects[0], 0, true));
    assert(!send_order_add(o, &objects[N - 1], N - 1, true));
    assert(send_order_take(o, &got) && got == 1);
    assert(send_order_take(o, &got) && got == 2);
    assert(send_order_take(o, &got) && got == N - 1);
    assert(send_order_take(o, &got) && got == 0);
    assert(send_order_is_empty(o));
}

/* What will not compress comes first, and in its order, unless only some of it
 * is to be sent; the turn of the others goes on. */
static void packed_first(struct send_order *o, struct object *objects)
{
    static const uint32_t put[] = { 3, 2, 9, 7, 4 };
    static const uint32_t expected[] = { 7, 9, 2, 3, 4 };
    uint32_t got, i;

    objects[7].packed = objects[9].packed = objects[4].packed = true;
    for (i = 0; i < 5; i++)
        assert(!send_order_add(o, &objects[put[i]], put[i], put[i] != 4));
    for (i = 0; i < 5; i++)
        assert(send_order_take(o, &got) && got == expected[i]);
    assert(send_order_is_empty(o));
}

static void sorted(void)
{
    struct fsparse_file files[N] = { { 0 } };
    struct fsparse_map map = { .files = files, .n_files = N - RAW };
    struct manifest m = { .map = &map };
    struct object objects[N] = { { 0 } };
    struct send_order *o;
    uint32_t got, i;

    for (i = 0; i < N; i++) {
        files[i].path = paths[i] ? paths[i] : "";
        objects[i].file = paths[i] ? i : OBJECT_RAW;
        objects[i].raw.physical = i;
    }
    assert(!send_order_new(&o, &m));
    assert(send_order_is_empty(o) && !send_order_take(o, &got));
    for (i = 0; i < N; i++)
        assert(!send_order_add(o, &objects[i * 5 % N], i * 5 % N, true));
    for (i = 0; i < N; i++)
        assert(send_order_take(o, &got) && got == i);
    assert(send_order_is_empty(o));
    goes_round(o, objects);
    packed_first(o, objects);
    send_order_free(o);
    send_order_free(NULL);
}

/* Many at once, and by turns. */
static void many(void)
{
    struct fsparse_map map = { .n_files = 0 };
    struct manifest m = { .map = &map };
    static struct object objects[5000];
    static bool there[5000];
    uint32_t got, i, n = 0, last = 0, turns = 0;
    struct send_order *o;

    assert(!send_order_new(&o, &m));
    for (i = 0; i < 20000; i++) {
        uint32_t number = random() % 5000;

        objects[number].file = OBJECT_RAW;
        objects[number].raw.physical = number;
        if (!there[number]) {
            assert(!send_order_add(o, &objects[number], number, true));
            there[number] = true;
            n++;
        }
        if (random() % 3 == 0)
            continue;
        assert(send_order_take(o, &got) && there[got]);
        there[got] = false;
        n--;
        turns += got <= last;
        last = got;
        if (n == 0)
            assert(send_order_is_empty(o));
    }
    for (; n > 0; n--, last = got) {
        assert(send_order_take(o, &got) && there[got]);
        there[got] = false;
        turns += got <= last;
    }
    assert(send_order_is_empty(o));
    /* it always went on from where it was */
    assert(turns < 100);
    send_order_free(o);
}

int main(void)
{
    RUN(sorted);
    RUN(many);
    return 0;
}
