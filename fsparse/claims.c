/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Claims: see claims.h.
 */
#include "config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fsparse/claims.h"

#define RANGES_MAX (4u << 20)   /* the library keeps them in memory */

void claims_init(struct claims *c, uint64_t n)
{
    memset(c, 0, sizeof(*c));
    c->n = n;
    c->bits = n / 8 < SIZE_MAX ? calloc(1, (size_t)(n / 8) + 1) : NULL;
    if (!c->bits)
        claims_doubt(c, "it is too large to be checked");
}

void claims_release(struct claims *c)
{
    free(c->bits);
    c->bits = NULL;
}

void claims_doubt(struct claims *c, const char *format, ...)
{
    va_list ap;

    if (claims_in_doubt(c))
        return;
    va_start(ap, format);
    vsnprintf(c->doubt, sizeof(c->doubt), format, ap);
    va_end(ap);
}

bool claims_in_doubt(const struct claims *c)
{
    return c->doubt[0] != '\0';
}

static bool is_there(struct claims *c, uint64_t first, uint64_t count,
                     const char *owner, uint64_t number)
{
    if (!count || first >= c->n || count > c->n - first)
        claims_doubt(c, "%s %" PRIu64 " claims blocks that do not exist",
                     owner, number);
    return !claims_in_doubt(c);
}

/* Whether one of the blocks is claimed; most often whole bytes tell. */
static bool any(const struct claims *c, uint64_t first, uint64_t count)
{
    uint64_t i = first, end = first + count;

    while (i < end) {
        if (i % 8 == 0 && end - i >= 8 && !c->bits[i / 8]) {
            i += 8;
            continue;
        }
        if (c->bits[i / 8] & 1u << i % 8)
            return true;
        i++;
    }
    return false;
}

static void set(struct claims *c, uint64_t first, uint64_t count)
{
    uint64_t i = first, end = first + count;

    while (i < end) {
        if (i % 8 == 0 && end - i >= 8) {
            memset(c->bits + i / 8, 0xff, (size_t)((end - i) / 8));
            i = end & ~UINT64_C(7);
            continue;
        }
        c->bits[i / 8] |= (uint8_t)(1u << i % 8);
        i++;
    }
}

void claims_add(struct claims *c, uint64_t first, uint64_t count,
                const char *owner, uint64_t number)
{
    if (!is_there(c, first, count, owner, number))
        return;
    if (any(c, first, count))
        claims_doubt(c, "%s %" PRIu64 " claims blocks that others claim",
                     owner, number);
    set(c, first, count);
}

void claims_share(struct claims *c, uint64_t first, uint64_t count,
                  const char *owner, uint64_t number)
{
    if (is_there(c, first, count, owner, number))
        set(c, first, count);
}

void claims_check_free(struct claims *c, uint64_t first, uint64_t count)
{
    if (is_there(c, first, count, "bitmap", 0) && any(c, first, count))
        claims_doubt(c, "the bitmap calls blocks free that are in use");
}

void claims_emit_free(struct claims *c, struct emit *e, unsigned partition,
                      uint64_t first, uint64_t count, uint64_t block_bytes)
{
    if (claims_in_doubt(c) || c->n_emitted == RANGES_MAX)
        return;
    c->n_emitted++;
    emit_free(e, partition, first * block_bytes, count * block_bytes);
}
