/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers and sizes as users type them. */
#include "config.h"

#include "plugin/base/number.h"
#include "test/unit/unit.h"

static void numbers(void)
{
    static const char *const wrong[] = {
        "", " 5", "+5", "-5", "5 ", "5k", "0x5", "five", "2", "101",
        "99999999999999999999999",
    };
    unsigned long n = 0;
    size_t i;

    assert(!number_parse("3", 3, 100, &n) && n == 3);
    assert(!number_parse("100", 3, 100, &n) && n == 100);
    assert(!number_parse("007", 3, 100, &n) && n == 7);
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert(number_parse(wrong[i], 3, 100, &n) == -EINVAL);
}

static uint64_t size(const char *text, char unit)
{
    uint64_t n;

    assert(!size_parse(text, unit, true, UINT64_C(1) << 62, &n));
    return n;
}

static void sizes(void)
{
    static const char *const wrong[] = {
        "", "K", " 1", "-1", "1 ", "1B", "1KB", "1T", "1e30", "nan", "inf",
        "1G1", ".5",
    };
    uint64_t n = 0;
    size_t i;

    assert(size("1", 'K') == 1024 && size("1", 'M') == 1 << 20);
    assert(size("1", 'G') == 1 << 30 && size("0", 'G') == 0);
    assert(size("20k", 'M') == 20 << 10 && size("20K", 'M') == 20 << 10);
    assert(size("3m", 'K') == 3 << 20 && size("3M", 'K') == 3 << 20);
    assert(size("2g", 'K') == UINT64_C(2) << 30);
    assert(size("1.5", 'M') == 3 << 19 && size("0.5K", 'M') == 512);
    assert(size("0.00001", 'K') == 1);
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert(size_parse(wrong[i], 'K', true, UINT64_C(1) << 62, &n) ==
               -EINVAL);
}

static void limits(void)
{
    uint64_t n = 0;

    assert(!size_parse("1G", 'M', false, 1 << 30, &n) && n == 1 << 30);
    assert(!size_parse("1024", 'M', false, 1 << 30, &n) && n == 1 << 30);
    assert(size_parse("1025", 'M', false, 1 << 30, &n) == -EINVAL);
    assert(size_parse("1048577K", 'M', false, 1 << 30, &n) == -EINVAL);
    assert(size_parse("99999999999999999999999", 'M', false, 1 << 30, &n) ==
           -EINVAL);
    assert(size_parse("1.5", 'M', false, 1 << 30, &n) == -EINVAL);
    assert(size_parse("1e2", 'M', false, 1 << 30, &n) == -EINVAL);
}

int main(void)
{
    RUN(numbers);
    RUN(sizes);
    RUN(limits);
    return 0;
}
