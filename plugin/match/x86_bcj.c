/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The filter for x86 code; see x86_bcj.h.  Sources: the Intel manual's opcode
 * map (volume 2, appendix A); elf(5); Microsoft's PE format. */
#include "config.h"

#include <elf.h>
#include <string.h>

#include "plugin/base/bytes.h"
#include "plugin/match/x86_bcj.h"

/* Distances are shorter than this; a place is an offset modulo this. */
#define SPAN (INT32_C(1) << 28)

#define PE_OFFSET 0x3c          /* in a PE file: where its header is */
#define PE_I386 0x014c
#define PE_AMD64 0x8664

static bool begins_elf(const uint8_t *p)
{
    unsigned type = get_le16(p + EI_NIDENT), machine = get_le16(p + 18);

    return !memcmp(p, ELFMAG, SELFMAG) && p[EI_DATA] == ELFDATA2LSB &&
        (type == ET_EXEC || type == ET_DYN) &&
        (machine == EM_386 || machine == EM_X86_64);
}

static bool begins_pe(const uint8_t *p, size_t length)
{
    uint32_t at = get_le32(p + PE_OFFSET);
    unsigned machine;

    if (p[0] != 'M' || p[1] != 'Z' || at > length - 6 ||
        memcmp(p + at, "PE\0", 4))
        return false;
    machine = get_le16(p + at + 4);
    return machine == PE_I386 || machine == PE_AMD64;
}

bool x86_bcj_begins(const uint8_t *head, size_t length)
{
    return length >= 64 && (begins_elf(head) || begins_pe(head, length));
}

/* The distance at p is counted from `from`.  A number of [-from, SPAN) becomes
 * another one of these, so that the way back is as clear. */
static void to_place(uint8_t *p, int32_t from)
{
    int32_t v = (int32_t)get_le32(p);

    if (v >= -from && v < SPAN)
        put_le32(p, v + from < SPAN ? v + from : v - SPAN);
}

static void to_distance(uint8_t *p, int32_t from)
{
    int32_t v = (int32_t)get_le32(p);

    if (v >= -from && v < SPAN)
        put_le32(p, v >= 0 ? v - from : v + SPAN);
}

/* If an opcode begins at p that a distance of four bytes follows, its length;
 * otherwise 0.  The opcodes are a call, and mov, lea or cmp of 64 bits with an
 * operand relative to RIP.  Most jumps lead a short way, and repeat as they
 * are. */
static size_t opcode(const uint8_t *p)
{
    if (p[0] == 0xe8)
        return 1;
    if ((p[0] & 0xfb) == 0x48 && (p[2] & 0xc7) == 0x05 &&
        (p[1] == 0x8b || p[1] == 0x8d || p[1] == 0x89 || p[1] == 0x3b))
        return 3;
    return 0;
}

static void change(uint8_t *p, size_t length, uint64_t offset,
                   void (*convert)(uint8_t *, int32_t))
{
    size_t i, n;

    /* 7: the longest opcode and its distance */
    for (i = 0; i + 7 <= length; i++) {
        n = opcode(p + i);
        if (n) {
            convert(p + i + n, (offset + i + n + 4) % SPAN);
            i += n + 3;
        }
    }
}

void x86_bcj_to_places(uint8_t *p, size_t length, uint64_t offset)
{
    change(p, length, offset, to_place);
}

void x86_bcj_to_distances(uint8_t *p, size_t length, uint64_t offset)
{
    change(p, length, offset, to_distance);
}
