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
    struct roster *r = opaque;
    const struct object *list[7];
    size_t i, n;

    for (i = 0; i < N; i += n) {
        for (n = 0; n < 7 && i + n < N; n++)
            list[n] = &objects[i + n];
        assert(!roster_add(r, list, n));
        if (i % 1000 < 7)
            usleep(1000);
    }
    roster_end(r);
    return NULL;
}

/* Who waits gets all, in order, while they come. */
static void grows(void)
{
    uint64_t known = 0, n, i, waits = 0;
    struct roster *r;
    pthread_t thread;

    assert(!roster_new(&r));
    assert(!pthread_create(&thread, NULL, add_all, r));
    while ((n = roster_wait(r, known, 1)) > known) {
        assert(n <= roster_count(r));
        for (i = known; i < n; i++)
            assert(roster_get(r, i) == &objects[i]);
        known = n;
        waits++;
    }
    assert(known == N && roster_count(r) == N && waits > 1);
    assert(!pthread_join(thread, NULL));
    /* nothing more: nobody waits */
    assert(roster_wait(r, N, 1000000) == N);
    roster_free(r);
    roster_free(NULL);
}

int main(void)
{
    RUN(grows);
    return 0;
}
