/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of tables whose keys somebody else chooses: keys that were made up
 * to meet in one place cost as much as any others. */
#include "config.h"

#include <time.h>

#include "test/unit/unit.h"

#include "plugin/match/blocktable.h"
#include "plugin/memory/memstream.h"
#include "plugin/memory/pagecache.h"

#define BLOCKS 100000u
#define PAGES 16384u
#define TIMES_MAX 20            /* what a quadratic table takes is thousands */
#define LEAST 0.05              /* seconds, below which nothing is compared */

static double seconds(void)
{
    struct timespec t;

    assert(!clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t));
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void compare(const char *what, double drawn, double chosen)
{
    fprintf(stderr, "%s: %.3f s, chosen keys %.3f s\n", what, drawn, chosen);
    assert(chosen < TIMES_MAX * drawn + LEAST);
}

/* All but the table's own key is known to who chooses: the lower bits are the
 * same, as many as a table may have that is made for the number of blocks. */
static double fill_blocks(bool chosen)
{
    struct blocktable *t;
    double start = seconds();
    uint64_t hash;
    size_t i;

    assert(!blocktable_new(&t, BLOCKS));
    for (i = 0; i < BLOCKS; i++) {
        hash = (uint64_t)(i + 1) << 22 | 5;
        if (!chosen)
            hash = ((uint64_t)draw() << 17 ^ draw()) | 1;
        blocktable_add(t, hash);
        assert(blocktable_slot(t, hash) != BLOCKTABLE_NONE);
    }
    blocktable_free(t);
    return seconds() - start;
}

static void block_hashes(void)
{
    double drawn = fill_blocks(false);

    compare("hashes of blocks", drawn, fill_blocks(true));
}

/* Frame numbers that a simple fold brings together, and multiples of what a
 * table may be large. */
static double fill_pages(unsigned way)
{
    static uint8_t page[MEMSTREAM_PAGE];
    struct pagecache *c;
    double start;
    uint64_t pfn, i;

    assert(!pagecache_new(&c, PAGES));
    start = seconds();
    for (i = 0; i < PAGES; i++) {
        pfn = way == 0 ? i : way == 1 ? i << 20 | i : i << 32;
        memcpy(page, &i, sizeof(i));
        assert(pagecache_of_pfn(c, pfn) == PAGECACHE_NONE);
        pagecache_put(c, pfn, i, page);
        assert(pagecache_of_pfn(c, pfn) != PAGECACHE_NONE);
    }
    start = seconds() - start;
    pagecache_free(c);
    return start;
}

static void page_numbers(void)
{
    double usual = fill_pages(0);

    compare("pages, folded", usual, fill_pages(1));
    compare("pages, multiples", usual, fill_pages(2));
}

int main(void)
{
    seed_draw(17);
    RUN(block_hashes);
    RUN(page_numbers);
    return 0;
}
