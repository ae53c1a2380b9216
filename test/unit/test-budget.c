/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of the budget, and of a disk's digests, which come from one. */
#include "config.h"

#include <pthread.h>
#include <stdatomic.h>

#include "test/unit/unit.h"

#include "plugin/base/budget.h"
#include "plugin/memory/memdecode.h"
#include "plugin/target/digest_table.h"

#define MB 1000000u

static void takes_and_gives(void)
{
    struct budget *b;
    char text[512];

    assert(!budget_new(&b, 10 * MB));
    assert(!budget_take(b, 4 * MB, "a") && budget_taken(b) == 4 * MB);
    assert(!budget_explain(b, text, sizeof(text)));
    assert(budget_take(b, 7 * MB, "seven things") == -ENOBUFS);
    assert(budget_taken(b) == 4 * MB);
    /* numbers that would wrap around */
    assert(budget_take(b, UINT64_MAX, "all") == -ENOBUFS);
    assert(budget_take(b, UINT64_MAX - 3 * MB, "all") == -ENOBUFS);
    assert(!budget_take(b, 6 * MB, "a") && budget_take(b, 1, "a") == -ENOBUFS);
    budget_give(b, 10 * MB);
    assert(budget_taken(b) == 0);
    /* the first one counts, and names the way out */
    assert(budget_explain(b, text, sizeof(text)));
    assert(strstr(text, "seven things") && strstr(text, "7.0 MB") &&
           strstr(text, "10.0 MB") && strstr(text, "memory-limit"));
    budget_free(b);
}

static void spares(void)
{
    struct budget *b;
    char text[8];

    assert(!budget_new(&b, 10 * MB));
    assert(budget_take_spare(b, 5 * MB) && !budget_take_spare(b, 1));
    assert(!budget_explain(b, text, sizeof(text)));
    assert(!budget_take(b, 5 * MB, "a"));
    budget_free(b);
    /* none at all grants everything */
    assert(!budget_take(NULL, UINT64_MAX, "a") &&
           budget_take_spare(NULL, UINT64_MAX) && budget_taken(NULL) == 0);
    budget_give(NULL, 1);
    assert(budget_default() > 0 && budget_default() <= UINT64_C(4) << 30);
}

static struct budget *shared;
static atomic_uint granted;

static void *take_many(void *opaque)
{
    unsigned i;

    (void)opaque;
    for (i = 0; i < 100000; i++)
        if (!budget_take(shared, 3, "threes"))
            atomic_fetch_add(&granted, 1);
    return NULL;
}

static void by_threads(void)
{
    pthread_t thread[4];
    unsigned i;

    assert(!budget_new(&shared, 600001));
    for (i = 0; i < 4; i++)
        assert(!pthread_create(&thread[i], NULL, take_many, NULL));
    for (i = 0; i < 4; i++)
        assert(!pthread_join(thread[i], NULL));
    assert(granted == 200000 && budget_taken(shared) == 600000);
    budget_free(shared);
}

static void a_large_disk(void)
{
    /* 8 TiB, of which all is zero but for one segment */
    const uint64_t n = UINT64_C(8) << 20;
    struct segment_digest d = { .known = true }, out[3];
    struct digest_table *t, *u;
    struct budget *b;
    uint64_t i, before;

    assert(!budget_new(&b, 64 * MB));
    assert(!digest_table_new(&t, n, b) && !digest_table_new(&u, n, b));
    assert(!digest_table_knows(t, n - 1) && !digest_table_agree(t, u, 0));
    before = budget_taken(b);
    for (i = 0; i < n; i++)
        digest_table_set_zero(t, i);
    assert(budget_taken(b) == before && before < 24 * MB);
    memset(d.digest, 7, sizeof(d.digest));
    assert(!digest_table_put(t, n - 2, 1, &d));
    assert(budget_taken(b) > before && budget_taken(b) < before + 10000);
    digest_table_get(t, n - 3, 3, out);
    assert(out[0].known && out[0].zero && out[2].known && out[2].zero);
    assert(out[1].known && !out[1].zero && out[1].digest[31] == 7);
    assert(!digest_table_put(u, n - 3, 3, out));
    for (i = n - 3; i < n; i++)
        assert(digest_table_agree(t, u, i));
    d.digest[31]++;
    assert(!digest_table_put(u, n - 2, 1, &d));
    assert(!digest_table_agree(t, u, n - 2));
    digest_table_forget(t, n - 1);
    assert(!digest_table_agree(t, u, n - 1) && !digest_table_knows(t, n - 1));
    assert(!digest_table_is_zero(t, n - 1) && digest_table_is_zero(t, 0));
    digest_table_free(t);
    digest_table_free(u);
    assert(budget_taken(b) == 0);
    budget_free(b);
}

/* An entry for which there is no memory is not known, whatever it was. */
static void no_room(void)
{
    struct segment_digest d[2] = { { .known = true }, { .known = true } };
    struct digest_table *t;
    struct budget *b;
    char text[512];

    assert(!budget_new(&b, 20000));
    assert(digest_table_new(&t, 20000, b) == -ENOBUFS);
    assert(budget_taken(b) == 0);
    assert(!digest_table_new(&t, 10000, b));
    digest_table_set_zero(t, 5000);
    assert(!digest_table_put(t, 0, 1, d));
    d[1].zero = true;
    assert(digest_table_put(t, 5000, 2, d) == -ENOBUFS);
    assert(!digest_table_knows(t, 5000) && digest_table_is_zero(t, 5001));
    assert(budget_explain(b, text, sizeof(text)) && strstr(text, "digests"));
    digest_table_free(t);
    assert(budget_taken(b) == 0);
    budget_free(b);
}

static int drop(void *opaque, const void *data, size_t length)
{
    (void)opaque;
    (void)data;
    (void)length;
    return 0;
}

/* Pages of the guest's memory that the source has kept. */
static void memory_pages(void)
{
    static uint8_t frame[4 + 2 + 3 * PROTO_BLOCK] = {
        2, 0, 0, 0, 3 << MEMORY_OP_BITS | MEMORY_LITERAL, 0,
    };
    struct memdecoder_options opt = { .out = drop };
    struct memdecoder *d;
    char text[512];

    assert(!budget_new(&opt.budget, 2 * PROTO_BLOCK));
    assert(!memdecoder_new(&d, &opt));
    assert(memdecoder_frame(d, frame, sizeof(frame)) == -ENOBUFS);
    assert(budget_taken(opt.budget) == 2 * PROTO_BLOCK);
    assert(budget_explain(opt.budget, text, sizeof(text)) &&
           strstr(text, "pages of the guest's memory"));
    /* what is kept in a slot again takes no more */
    frame[4] = 2 << MEMORY_OP_BITS | MEMORY_LITERAL;
    assert(!memdecoder_frame(d, frame, sizeof(frame) - PROTO_BLOCK));
    memdecoder_free(d);
    assert(budget_taken(opt.budget) == 0);
    budget_free(opt.budget);
}

int main(void)
{
    RUN(takes_and_gives);
    RUN(spares);
    RUN(by_threads);
    RUN(a_large_disk);
    RUN(no_room);
    RUN(memory_pages);
    return 0;
}
