/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The operands of x86 code; see x86_operands.h.  Source: the Intel manual's
 * opcode map and its tables of ModRM bytes (volume 2, appendix A and
 * chapter 2). */
#include "config.h"

#include <stdbool.h>

#include "plugin/base/bytes.h"
#include "plugin/match/x86_operands.h"

/* Shorter distances stay inside a function or between neighbours, and repeat
 * as they are. */
#define FAR 4096
/* A distance may lead to what follows the file in memory, by this much. */
#define PAST_END (1u << 20)
/* Stands in the skeleton for an operand.  None of its bytes ends an opcode: so
 * what was no opcode does not become one when operands that overlap it are
 * replaced. */
#define MARK 0x7f7f7f7f

struct walk {
    bool (*is_operand)(const struct x86_operands *x, const uint8_t *p,
                       uint64_t from);
    void (*change)(void *opaque, uint8_t *p, uint32_t from);
    void *opaque;
};

/* If something begins at p that a distance of four bytes follows, its length;
 * otherwise 0.  Accesses relative to the instruction pointer are known by their
 * ModRM byte alone: the opcodes before it are too many, and what is none of
 * them is rarely followed by a number that is a distance in this file. */
static size_t opcode(const uint8_t *p)
{
    if (p[0] == 0xe8 || p[0] == 0xe9 || (p[0] & 0xc7) == 0x05)
        return 1;
    return p[0] == 0x0f && (p[1] & 0xf0) == 0x80 ? 2 : 0;
}

/* Inline, so that both ways have the functions of w in their code: this looks
 * at every byte. */
static inline __attribute__((always_inline)) void
walk(struct x86_operands *x, uint8_t *p, size_t length, size_t beyond,
     const struct walk *w)
{
    size_t i = x->skip, n;
    uint64_t from;

    while (i < length && i + 2 + X86_OPERAND_BYTES <= length + beyond) {
        n = opcode(p + i);
        from = x->offset + i + n + X86_OPERAND_BYTES;
        if (n > 0 && w->is_operand(x, p + i + n, from)) {
            w->change(w->opaque, p + i + n, from);
            i += n + X86_OPERAND_BYTES;
        } else {
            i++;
        }
    }
    x->skip = i > length ? i - length : 0;
    x->offset += length;
}

static bool is_far(const struct x86_operands *x, const uint8_t *p,
                   uint64_t from)
{
    int32_t v = (int32_t)get_le32(p);

    if (v < 0)
        return v <= -FAR && from >= -(uint64_t)v;
    return v == MARK || (v >= FAR && from + v < x->size + PAST_END);
}

static void take_operand(void *opaque, uint8_t *p, uint32_t from)
{
    if (opaque)
        buf_put_u32(opaque, get_le32(p) + from);
    put_le32(p, MARK);
}

static bool is_mark(const struct x86_operands *x, const uint8_t *p,
                    uint64_t from)
{
    (void)x;
    (void)from;
    return get_le32(p) == MARK;
}

static void give_operand(void *opaque, uint8_t *p, uint32_t from)
{
    put_le32(p, cursor_u32(opaque) - from);
}

/* Replaces the end of an operand that began before the piece; all bytes of MARK
 * are the same. */
static void hide_end(uint8_t *p, size_t length, unsigned skip)
{
    unsigned i = skip > X86_OPERAND_BYTES ? skip - X86_OPERAND_BYTES : 0;

    for (; i < skip && i < length; i++)
        p[i] = MARK & 0xff;
}

void x86_operands_split(struct x86_operands *x, uint8_t *p, size_t length,
                        size_t beyond, struct buf *operands)
{
    const struct walk w = { is_far, take_operand, operands };

    hide_end(p, length, x->skip);
    walk(x, p, length, beyond, &w);
}

void x86_operands_join(struct x86_operands *x, uint8_t *p, size_t length,
                       size_t beyond, struct cursor *operands)
{
    const struct walk w = { is_mark, give_operand, operands };

    walk(x, p, length, beyond, &w);
}
