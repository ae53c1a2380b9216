/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of object_table.c. */
#include "config.h"

#include <pthread.h>
#include <unistd.h>

#include "test/unit/unit.h"

#include "plugin/source/object_table.h"

#define N 10000

static struct object objects[N];

static void *add_all(void *opaque)
{
    struct object_table *r = opaque;
    const struct object *list[7];
    size_t i, n;

    for (i = 0; i < N; i += n) {
        for (n = 0; n < 7 && i + n < N; n++)
            list[n] = &objects[i + n];
        assert(!object_table_add(r, list, n));
        if (i % 1000 < 7)
            usleep(1000);
    }
    object_table_end(r);
    return NULL;
}

/* Who waits gets all, in order, while they come. */
static void grows(void)
{
    uint64_t known = 0, n, i, waits = 0;
    struct object_table *r;
    pthread_t thread;

    assert(!object_table_new(&r));
    assert(!pthread_create(&thread, NULL, add_all, r));
    while ((n = object_table_wait(r, known, 1)) > known) {
        assert(n <= object_table_count(r));
        for (i = known; i < n; i++)
            assert(object_table_get(r, i) == &objects[i]);
        known = n;
        waits++;
    }
    assert(known == N && object_table_count(r) == N && waits > 1);
    assert(!pthread_join(thread, NULL));
    /* nothing more: nobody waits */
    assert(object_table_wait(r, N, 1000000) == N);
    object_table_free(r);
    object_table_free(NULL);
}

int main(void)
{
    RUN(grows);
    return 0;
}
