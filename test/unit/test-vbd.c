/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of vbd.c: the numbers of virtual devices, those of
 * xen-vbd-interface(7). */
#include "config.h"

#include "plugin/image/vbd.h"
#include "test/unit/unit.h"

static void known(void)
{
    static const struct {
        const char *name;
        unsigned long number;
    } devices[] = {
        { "xvda", 51712 }, { "xvda1", 51713 }, { "xvdb", 51728 },
        { "xvdp15", 202 << 8 | 15 << 4 | 15 },
        { "xvda16", 1ul << 28 | 16 }, { "xvdq", 1ul << 28 | 16 << 8 },
        { "xvdz", 1ul << 28 | 25 << 8 }, { "xvdaa", 1ul << 28 | 26 << 8 },
        { "xvdba2", 1ul << 28 | 52 << 8 | 2 },
        { "d0p0", 51712 }, { "d1p2", 51730 }, { "d16p0", 268439552 },
        { "hda", 768 }, { "hda2", 770 }, { "hdb", 832 }, { "hdc", 5632 },
        { "hdd63", 22 << 8 | 1 << 6 | 63 },
        { "sda", 2048 }, { "sdb1", 2065 }, { "sdp15", 8 << 8 | 255 },
    };
    unsigned long number;
    size_t i;

    for (i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
        assert(!vbd_number(devices[i].name, &number) &&
               number == devices[i].number);
}

static void no_names(void)
{
    static const char *const names[] = {
        "", "xvd", "xvd1", "xvdA", "xvda1x", "xvda+1", "xvda256", "hde", "hda64",
        "sdq", "sda16", "d0", "d0p", "d0p0x", "d0p256", "vda", "sr0", "51712x",
        "xvdzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
    };
    unsigned long number;
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert(vbd_number(names[i], &number) == -EINVAL);
}

/* What may come from a peer at all. */
static void names(void)
{
    assert(vbd_name_is_one("xvda") && vbd_name_is_one("51712"));
    assert(vbd_name_is_one("abcdefghijklmnopqrstuvwxyz012345"));
    assert(!vbd_name_is_one("abcdefghijklmnopqrstuvwxyz0123456"));
    assert(!vbd_name_is_one("") && !vbd_name_is_one("xvd a"));
    assert(!vbd_name_is_one("xvda\n") && !vbd_name_is_one("\x1b[2J"));
    assert(!vbd_name_is_one("-xvda") && !vbd_name_is_one("\xc3\xa4"));
}

static bool never(void *opaque, const struct vbd *v)
{
    (void)opaque;
    (void)v;
    return false;
}

int main(void)
{
    RUN(known);
    RUN(no_names);
    RUN(names);
    /* With Xen or without: nobody has stopped it. */
    assert(!vbd_each(never, NULL));
    return 0;
}
