/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs of blocks of one kind. */
#include "config.h"

#include "test/unit/unit.h"

#include "plugin/base/block_run.h"

#define BLOCK 8

static void test_zero(void)
{
    uint8_t data[4 * BLOCK + 3] = { 0 };
    enum block_kind kind;

    /* all zero, the last block cut off */
    assert(block_run_zero(data, 0, sizeof(data), BLOCK, &kind) ==
           sizeof(data) && kind == BLOCK_ZERO);
    data[BLOCK] = data[2 * BLOCK - 1 + BLOCK] = 1;
    assert(block_run_zero(data, 0, sizeof(data), BLOCK, &kind) == BLOCK &&
           kind == BLOCK_ZERO);
    assert(block_run_zero(data, BLOCK, sizeof(data), BLOCK, &kind) ==
           2 * BLOCK && kind == BLOCK_DATA);
    assert(block_run_zero(data, 3 * BLOCK, sizeof(data), BLOCK, &kind) ==
           BLOCK + 3 && kind == BLOCK_ZERO);
    /* a single byte that ends the range */
    data[4 * BLOCK] = 1;
    assert(block_run_zero(data, 4 * BLOCK, 4 * BLOCK + 1, BLOCK, &kind) ==
           1 && kind == BLOCK_DATA);
    assert(block_run_zero(data, 3 * BLOCK, sizeof(data), BLOCK, &kind) ==
           BLOCK && kind == BLOCK_ZERO);
}

/* Bytes of a range that does not begin with a whole block. */
struct placed {
    const uint8_t *p;
    uint64_t offset;            /* of p[0] */
};

/* Only whole blocks count as zero. */
static enum block_kind whole_zero(const void *opaque, uint64_t at, size_t n)
{
    const struct placed *x = opaque;
    size_t i;

    assert(n > 0 && n <= BLOCK && at % BLOCK + n <= BLOCK);
    for (i = 0; i < n; i++)
        if (x->p[at - x->offset + i])
            return BLOCK_DATA;
    return n == BLOCK ? BLOCK_ZERO : BLOCK_DATA;
}

static void test_aligned_elsewhere(void)
{
    uint8_t data[3 * BLOCK] = { 0 };
    struct placed x = { data, 1000 * BLOCK + 3 };
    uint64_t end = x.offset + sizeof(data);
    enum block_kind kind;

    assert(block_run(x.offset, end, BLOCK, whole_zero, &x, &kind) ==
           BLOCK - 3 && kind == BLOCK_DATA);
    assert(block_run(x.offset + BLOCK - 3, end, BLOCK, whole_zero, &x,
                     &kind) == 2 * BLOCK && kind == BLOCK_ZERO);
    assert(block_run(end - 3, end, BLOCK, whole_zero, &x, &kind) == 3 &&
           kind == BLOCK_DATA);
}

static enum block_kind by_letter(const void *opaque, uint64_t at, size_t n)
{
    const char *kinds = opaque;

    assert(n == 1);
    return kinds[at] == '-' ? BLOCK_SKIPPED : kinds[at] == '0' ? BLOCK_ZERO :
        BLOCK_DATA;
}

/* Runs follow each other without a gap and differ in kind; blocks may be
 * anything that can be counted. */
static void test_units(void)
{
    static const char kinds[] = "--000xx-0x";
    static const uint64_t lengths[] = { 2, 3, 2, 1, 1, 1 };
    uint64_t at = 0, n;
    enum block_kind kind;
    size_t i;

    for (i = 0; at < sizeof(kinds) - 1; i++, at += n) {
        n = block_run(at, sizeof(kinds) - 1, 1, by_letter, kinds, &kind);
        assert(n == lengths[i] && kind == by_letter(kinds, at, 1));
    }
    assert(i == sizeof(lengths) / sizeof(*lengths));
}

int main(void)
{
    test_zero();
    test_aligned_elsewhere();
    test_units();
    return 0;
}
