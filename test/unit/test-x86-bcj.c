/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls become places and distances again; any bytes at all come back as they
 * were; which files are taken for code. */
#include "config.h"

#include "plugin/match/x86_bcj.h"
#include "test/unit/unit.h"

#define SIZE 5000

/* Two calls of one place, and two loads, look the same. */
static void test_places(void)
{
    uint8_t code[40] = { 0x90, 0xe8, 0xfa, 1, 0, 0,     /* to 0x1200 */
                         0x90, 0x90,
                         0xe8, 0xf3, 1, 0, 0,           /* to 0x1200 */
                         0x48, 0x8d, 0x05, 0xec, 0xff, 0xff, 0xff,  /* to 0x1000 */
                         0x4c, 0x8b, 0x3d, 0xe5, 0xff, 0xff, 0xff };
    static const uint8_t places[40] = {
        0x90, 0xe8, 0, 2 + 0x10, 0, 0, 0x90, 0x90, 0xe8, 0, 2 + 0x10, 0, 0,
        0x48, 0x8d, 0x05, 0, 0x10, 0, 0, 0x4c, 0x8b, 0x3d, 0, 0x10, 0, 0 };
    uint8_t copy[40];

    memcpy(copy, code, sizeof(code));
    x86_bcj_to_places(code, sizeof(code), 0x1000);
    assert(!memcmp(code, places, sizeof(code)));
    x86_bcj_to_distances(code, sizeof(code), 0x1000);
    assert(!memcmp(code, copy, sizeof(code)));
}

static void test_any_bytes(void)
{
    static const uint8_t often[] = { 0xe8, 0x48, 0x4c, 0x8b, 0x8d, 0x05, 0x3d,
                                     0, 0xff, 0x0f, 0xf0 };
    uint8_t bytes[SIZE], copy[SIZE];
    unsigned i, n, round, changed = 0;
    uint64_t offset;

    for (round = 0; round < 2000; round++) {
        n = draw() % SIZE;
        offset = (uint64_t)draw() << (draw() % 12);
        for (i = 0; i < n; i++)
            bytes[i] = draw() % 3 ? often[draw() % sizeof(often)] :
                draw();
        memcpy(copy, bytes, n);
        x86_bcj_to_places(bytes, n, offset);
        changed += n && memcmp(bytes, copy, n);
        x86_bcj_to_distances(bytes, n, offset);
        assert(!n || !memcmp(bytes, copy, n));
        /* the other way round: what a peer sends may be anything */
        x86_bcj_to_distances(bytes, n, offset);
        x86_bcj_to_places(bytes, n, offset);
        assert(!n || !memcmp(bytes, copy, n));
    }
    assert(changed > 1500);
}

static void test_begins(void)
{
    uint8_t elf[64] = { 0x7f, 'E', 'L', 'F', 2, 1, 1, [16] = 3, [18] = 62 };
    uint8_t pe[256] = { 'M', 'Z', [0x3c] = 0x80, [0x80] = 'P', 'E', 0, 0,
                        0x64, 0x86 };

    assert(x86_bcj_begins(elf, 64));
    assert(!x86_bcj_begins(elf, 63));
    elf[16] = 1;                        /* to be linked */
    assert(!x86_bcj_begins(elf, 64));
    elf[16] = 2;
    assert(x86_bcj_begins(elf, 64));
    elf[18] = 183;                      /* AArch64 */
    assert(!x86_bcj_begins(elf, 64));

    assert(x86_bcj_begins(pe, 256));
    assert(x86_bcj_begins(pe, 0x86));
    assert(!x86_bcj_begins(pe, 0x85));
    pe[0x84] = 0;
    assert(!x86_bcj_begins(pe, 256));
    pe[0x3c + 3] = 0xff;                /* far outside */
    assert(!x86_bcj_begins(pe, 256));
}

int main(void)
{
    seed_draw(21);
    RUN(test_places);
    RUN(test_any_bytes);
    RUN(test_begins);
    return 0;
}
