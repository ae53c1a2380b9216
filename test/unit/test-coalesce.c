/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of coalesce.c: a disk put together by several threads. */
#include "config.h"

#include <pthread.h>

#include "test/unit/unit.h"

#include "plugin/base/zero.h"
#include "plugin/proto.h"
#include "plugin/target/coalesce.h"

#define SEGMENTS 50u                /* more than it has slots */
#define SIZE (SEGMENTS * (size_t)PROTO_SEGMENT - 5000)
#define THREADS 4u
#define BLOCK 4096u

static uint8_t *content, *disk;
static unsigned written[SEGMENTS];  /* how often, as a whole */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int failure;

/* As a destination does: what is zero is left alone. */
static int write_segment(void *opaque, const void *data, size_t length,
                         uint64_t offset)
{
    const uint8_t *p = data;
    size_t at, n;

    assert(opaque == disk && offset % PROTO_SEGMENT == 0);
    assert((uintptr_t)data % BLOCK == 0);
    assert(length == PROTO_SEGMENT || offset + length == SIZE);
    pthread_mutex_lock(&lock);
    written[offset / PROTO_SEGMENT]++;
    for (at = 0; at < length && !failure; at += n) {
        n = length - at < BLOCK ? length - at : BLOCK;
        if (!data_is_zero(p + at, n))
            memcpy(disk + offset + at, p + at, n);
    }
    pthread_mutex_unlock(&lock);
    return failure;
}

/* Puts a range, and writes what is not taken. */
static void put(struct coalesce *g, size_t offset, size_t length)
{
    ssize_t n;

    for (; length > 0; offset += n, length -= n) {
        n = coalesce_put(g, content + offset, length, offset);
        assert(n >= 0 && (size_t)n <= length);
        if (n > 0)
            continue;
        n = PROTO_SEGMENT - offset % PROTO_SEGMENT;
        if ((size_t)n > length)
            n = length;
        pthread_mutex_lock(&lock);
        memcpy(disk + offset, content + offset, n);
        pthread_mutex_unlock(&lock);
    }
}

static void begin(struct coalesce **g_r)
{
    memset(disk, 0, SIZE);
    memset(written, 0, sizeof(written));
    assert(!coalesce_new(g_r, SIZE, NULL, write_segment, disk));
}

static void is_complete(void)
{
    unsigned i;

    assert(!memcmp(disk, content, SIZE));
    for (i = 0; i < SEGMENTS; i++)
        assert(written[i] <= 1);
}

/* In order: every segment is written as a whole, and by nobody else. */
static void in_order(void)
{
    struct coalesce *g;
    size_t at, n;
    unsigned i;

    begin(&g);
    for (at = 0; at < SIZE; at += n) {
        n = 1 + draw() % 100000;
        if (n > SIZE - at)
            n = SIZE - at;
        assert(coalesce_put(g, content + at, n, at) > 0);
        n = n < PROTO_SEGMENT - at % PROTO_SEGMENT ? n :
            PROTO_SEGMENT - at % PROTO_SEGMENT;
    }
    assert(!coalesce_settle(g, 0, SIZE));
    is_complete();
    for (i = 0; i < SEGMENTS; i++)
        assert(written[i] == 1);
    coalesce_free(g);
}

/* What nobody puts is zero, although slots have held other segments before. */
static void with_gaps(void)
{
    uint8_t *want = allocate(SIZE);
    struct coalesce *g;
    size_t at, n;

    memset(want, 0, SIZE);
    begin(&g);
    for (at = draw() % 9000; at < SIZE; at += n + draw() % 9000) {
        n = 1 + draw() % (draw() % 8 ? 6000 : 60000);
        if (n > SIZE - at)
            n = SIZE - at;
        memcpy(want + at, content + at, n);
        put(g, at, n);
    }
    assert(!coalesce_settle(g, 0, SIZE));
    assert(!memcmp(disk, want, SIZE));
    coalesce_free(g);
    free(want);
}

/* What is settled is there, and the caller's from then on. */
static void settled(void)
{
    struct coalesce *g;

    begin(&g);
    put(g, 3 * PROTO_SEGMENT + 7, 100);
    assert(!written[3]);
    assert(!coalesce_settle(g, 2 * PROTO_SEGMENT, 0) && !written[3]);
    assert(!coalesce_settle(g, 2 * PROTO_SEGMENT - 1, PROTO_SEGMENT + 1));
    assert(!written[1] && !written[2] && !written[3]);
    assert(!coalesce_put(g, content, 10, PROTO_SEGMENT));
    assert(!coalesce_put(g, content, 10, 2 * PROTO_SEGMENT));
    assert(coalesce_put(g, content, 10, 4 * PROTO_SEGMENT) == 10);
    assert(!coalesce_settle(g, 3 * PROTO_SEGMENT + 5000, 1));
    assert(written[3] == 1);
    assert(!memcmp(disk + 3 * PROTO_SEGMENT + 7,
                   content + 3 * PROTO_SEGMENT + 7, 100));
    assert(!coalesce_put(g, content, 10, 3 * PROTO_SEGMENT));
    /* what nobody settles is not written */
    coalesce_free(g);
    assert(!written[4]);
    coalesce_free(NULL);
}

struct share {
    struct coalesce *coalesce;
    size_t *starts;                 /* of the pieces, ascending, and the end */
    unsigned *order;
    unsigned n, first;
};

static void *put_share(void *opaque)
{
    const struct share *s = opaque;
    unsigned i, piece;

    for (i = s->first; i < s->n; i += THREADS) {
        piece = s->order[i];
        put(s->coalesce, s->starts[piece],
            s->starts[piece + 1] - s->starts[piece]);
        if (i % 97 == 0)
            assert(!coalesce_settle(s->coalesce, s->starts[piece], 1));
    }
    return NULL;
}

/* Pieces by several threads, about in order, or in none. */
static void by_threads(bool shuffled)
{
    size_t *starts = allocate((SIZE / 1000 + 2) * sizeof(*starts)), at, piece;
    unsigned *order = allocate((SIZE / 1000 + 2) * sizeof(*order));
    unsigned n = 0, i, other, swap;
    struct share shares[THREADS];
    pthread_t threads[THREADS];
    struct coalesce *g;

    for (at = 0; at < SIZE; at += piece) {
        piece = 1000 + draw() % (draw() % 8 ? 20000 : 3000000);
        order[n] = n;
        starts[n++] = at;
    }
    starts[n] = SIZE;
    for (i = 0; i + 1 < n; i++) {
        other = i + draw() % (shuffled || n - i < 20 ? n - i : 20);
        swap = order[i];
        order[i] = order[other];
        order[other] = swap;
    }
    begin(&g);
    for (i = 0; i < THREADS; i++) {
        shares[i] = (struct share){ g, starts, order, n, i };
        assert(!pthread_create(&threads[i], NULL, put_share, &shares[i]));
    }
    for (i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert(!coalesce_settle(g, 0, SIZE));
    is_complete();
    coalesce_free(g);
    free(starts);
    free(order);
}

static void about_in_order(void)
{
    by_threads(false);
}

static void in_no_order(void)
{
    by_threads(true);
}

static void fails(void)
{
    struct coalesce *g;
    unsigned i;
    int rc = 0;

    begin(&g);
    failure = -ENOSPC;
    for (i = 0; i < SEGMENTS && rc >= 0; i++)
        rc = coalesce_put(g, content, 10, i * (uint64_t)PROTO_SEGMENT);
    assert(rc == -ENOSPC && i < SEGMENTS);
    assert(coalesce_put(g, content, 10, SIZE - 10) == -ENOSPC);
    assert(coalesce_settle(g, 0, SIZE) == -ENOSPC);
    coalesce_free(g);
    begin(&g);
    put(g, 0, 10);
    assert(coalesce_settle(g, 0, 1) == -ENOSPC);
    coalesce_free(g);
    failure = 0;
}

int main(void)
{
    size_t i;

    seed_draw(getpid());
    content = allocate(SIZE);
    disk = allocate(SIZE);
    noise(content, SIZE, draw());
    /* zeros here and there */
    for (i = 0; i + 20000 < SIZE; i += 150000)
        memset(content + i, 0, draw() % 20000);
    RUN(in_order);
    RUN(with_gaps);
    RUN(settled);
    RUN(about_in_order);
    RUN(in_no_order);
    RUN(fails);
    free(content);
    free(disk);
    return 0;
}
