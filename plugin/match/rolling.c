/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signatures of files and the search with them; see rolling.h. */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/bytes.h"
#include "plugin/match/rolling.h"
#include "plugin/proto.h"

#define PRIME ((UINT64_C(1) << 61) - 1)
#define FEED (256u << 10)       /* bytes taken at once */
#define NONE UINT32_MAX
#define MARGIN 8                /* bits against wrong matches */
#define PROBES 32               /* places looked at for one hash */

__extension__ typedef unsigned __int128 wide;

static uint64_t reduce(uint64_t a)
{
    return a >= PRIME ? a - PRIME : a;
}

/* The same modulo PRIME, shorter by up to 61 bits. */
static uint64_t fold(wide p)
{
    return (uint64_t)(p & PRIME) + (uint64_t)(p >> 61);
}

static uint64_t multiply(uint64_t a, uint64_t b)
{
    return reduce(fold((wide)a * b));
}

void rolling_init(struct rolling *r, const uint8_t key[ROLLING_KEY_BYTES])
{
    unsigned i;

    /* Never so small that short blocks would not wrap around. */
    r->base = reduce((get_le(key, 8) & PRIME) | UINT64_C(1) << 60);
    r->whiten = get_le(key, 8);
    r->powers[0] = 1;
    for (i = 1; i <= ROLLING_STRIDE; i++)
        r->powers[i] = multiply(r->powers[i - 1], r->base);
}

/* A byte counts one more than it is, so that leading zeros count.  It goes by
 * strides, as only one multiplication of each then waits for the stride
 * before. */
uint64_t rolling_add(const struct rolling *r, uint64_t h, const void *data,
                     size_t n)
{
    const uint8_t *p = data;
    unsigned i;
    wide sum;

    for (; n >= ROLLING_STRIDE; n -= ROLLING_STRIDE, p += ROLLING_STRIDE) {
        sum = (wide)h * r->powers[ROLLING_STRIDE];
        for (i = 0; i < ROLLING_STRIDE; i++)
            sum += (wide)r->powers[ROLLING_STRIDE - 1 - i] * (p[i] + 1u);
        h = reduce(fold(fold(sum)));
    }
    while (n--)
        h = reduce(multiply(h, r->base) + *p++ + 1);
    return h;
}

/* All bits of the result depend on all of h: it will be cut. */
uint64_t rolling_cut(const struct rolling *r, uint64_t h, unsigned width)
{
    h += r->whiten;
    h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
    return (h ^ h >> 31) >> (64 - 8 * width);
}

size_t block_signature_count(const struct block_signature *s)
{
    return (s->size - 1) / s->block + 1;
}

static unsigned bits(uint64_t n)
{
    unsigned b = 0;

    for (; n; n >>= 1)
        b++;
    return b;
}

void block_signature_shape(struct block_signature *s)
{
    unsigned need;

    s->block = s->size <= 64u << 10 ? 512 : s->size <= 1u << 20 ? 1024 :
        s->size <= 16u << 20 ? 2048 : 4096;
    while (block_signature_count(s) > PROTO_SIGNATURE_BLOCKS)
        s->block *= 2;
    /* Each position meets each block.  One wrong match in a few hundred files
     * costs less than longer hashes, and those tell more. */
    need = bits(s->size) + bits(block_signature_count(s)) + MARGIN;
    s->width = need < 24 ? 3 : need > 64 ? 8 : (need + 7) / 8;
}

/* Resemblance */

/* By squaring: the peer says how long a block is. */
static uint64_t raise(uint64_t base, uint32_t n)
{
    uint64_t power = 1;

    for (; n > 0; n >>= 1, base = multiply(base, base))
        if (n & 1)
            power = multiply(power, base);
    return power;
}

/* What a byte was of a hash when `length` more have come since. */
static void make_gone(const struct rolling *r, uint32_t length,
                      uint64_t gone[256])
{
    uint64_t power = raise(r->base, length);
    size_t i;

    for (i = 0; i < 256; i++)
        gone[i] = PRIME - multiply(i + 1, power);
}

void resemblance_init(struct resemblance *a,
                      const uint8_t key[ROLLING_KEY_BYTES])
{
    memset(a, 0, sizeof(*a));
    rolling_init(&a->rolling, key);
    make_gone(&a->rolling, RESEMBLANCE_WINDOW, a->gone);
    memset(a->least, 0xff, sizeof(a->least));
}

/* Equal windows count once. */
static void enter_least(uint64_t least[RESEMBLANCE_VALUES], uint64_t hash)
{
    unsigned i = RESEMBLANCE_VALUES - 1, k;

    for (k = 0; k <= i; k++)
        if (least[k] == hash)
            return;
    for (; i > 0 && least[i - 1] > hash; i--)
        least[i] = least[i - 1];
    least[i] = hash;
}

void resemblance_add(struct resemblance *a, const void *data, size_t length)
{
    const uint64_t base = a->rolling.base;
    const uint8_t *p = data, *end = p + length;
    uint64_t h = a->hash;
    uint8_t *out;

    for (; p < end; p++, a->n++) {
        out = &a->window[a->n % RESEMBLANCE_WINDOW];
        h = fold((wide)h * base) + *p + 1;
        h = reduce(fold(a->n < RESEMBLANCE_WINDOW ? h : h + a->gone[*out]));
        *out = *p;
        if (h < a->least[RESEMBLANCE_VALUES - 1] &&
            a->n >= RESEMBLANCE_WINDOW - 1)
            enter_least(a->least, h);
    }
    a->hash = h;
}

void resemblance_end(const struct resemblance *a,
                     uint32_t values[RESEMBLANCE_VALUES])
{
    unsigned i;

    for (i = 0; i < RESEMBLANCE_VALUES; i++)
        values[i] = a->least[i] == UINT64_MAX ? 0 :
            rolling_cut(&a->rolling, a->least[i], sizeof(values[i]));
}

unsigned resemblance_compare(const uint32_t held[RESEMBLANCE_VALUES],
                             const uint32_t shown[RESEMBLANCE_VALUES])
{
    unsigned i, k, n = 0;

    for (i = 0; i < RESEMBLANCE_VALUES; i++)
        for (k = 0; k < RESEMBLANCE_VALUES; k++)
            if (held[i] && held[i] == shown[k]) {
                n++;
                break;
            }
    return n;
}

struct matcher {
    struct rolling rolling;
    struct block_signature held;
    struct matcher_sink sink;
    size_t n_full;              /* blocks of full length */
    uint64_t gone[256];         /* what a byte that leaves the window was */
    uint8_t *filter;            /* a bit for every hash that may be there */
    unsigned filter_shift;
    uint32_t *table;            /* open addressing, block numbers or NONE */
    size_t table_mask;
    uint32_t next;              /* block after the one found last */
    uint8_t *buf;
    size_t start;               /* of what has not been handed on */
    size_t pos;                 /* of the window; >= start */
    size_t fill;
    uint64_t hash;              /* of the window, if valid */
    bool valid;
};

static uint64_t hash_of(const struct matcher *m, size_t block)
{
    return get_le(m->held.hashes + block * m->held.width, m->held.width);
}

static size_t slot(const struct matcher *m, uint64_t hash)
{
    return (hash * UINT64_C(0x9e3779b97f4a7c15) >> 32) & m->table_mask;
}

static size_t filter_bit(const struct matcher *m, uint64_t hash)
{
    return hash * UINT64_C(0x9e3779b97f4a7c15) >> m->filter_shift;
}

/* Where blocks are equal, the first counts. */
static void enter(struct matcher *m, uint32_t block)
{
    uint64_t hash = hash_of(m, block);
    size_t i = slot(m, hash), bit = filter_bit(m, hash);
    unsigned n;

    for (n = 0; n < PROBES; n++, i = (i + 1) & m->table_mask) {
        if (m->table[i] == NONE) {
            m->table[i] = block;
            m->filter[bit / 8] |= 1u << bit % 8;
            return;
        }
        if (hash_of(m, m->table[i]) == hash)
            return;
    }
}

static uint32_t find(const struct matcher *m, uint64_t hash)
{
    size_t bit = filter_bit(m, hash), i;
    unsigned n;

    if (!(m->filter[bit / 8] & 1u << bit % 8))
        return NONE;
    /* Runs stay runs, also where blocks are equal. */
    if (m->next < m->n_full && hash_of(m, m->next) == hash)
        return m->next;
    i = slot(m, hash);
    for (n = 0; n < PROBES && m->table[i] != NONE; n++) {
        if (hash_of(m, m->table[i]) == hash)
            return m->table[i];
        i = (i + 1) & m->table_mask;
    }
    return NONE;
}

static int prepare(struct matcher *m)
{
    size_t i, slots = 16;

    make_gone(&m->rolling, m->held.block, m->gone);
    while (slots < 2 * m->n_full)
        slots *= 2;
    m->table_mask = slots - 1;
    m->filter_shift = 64 - (bits(slots) + 3);
    m->table = malloc(slots * sizeof(*m->table));
    m->filter = calloc(2 * slots, 1);
    m->buf = malloc(m->held.block + 2 * FEED);
    if (!m->table || !m->filter || !m->buf)
        return -ENOMEM;
    memset(m->table, 0xff, slots * sizeof(*m->table));
    for (i = 0; i < m->n_full; i++)
        enter(m, i);
    return 0;
}

int matcher_new(struct matcher **m_r, const struct rolling *r,
                const struct block_signature *s,
                const struct matcher_sink *sink)
{
    struct matcher *m = calloc(1, sizeof(*m));
    int rc;

    if (!m)
        return -ENOMEM;
    m->rolling = *r;
    m->held = *s;
    m->sink = *sink;
    m->n_full = s->size / s->block;
    rc = prepare(m);
    if (rc) {
        matcher_free(m);
        return rc;
    }
    *m_r = m;
    return 0;
}

void matcher_free(struct matcher *m)
{
    if (!m)
        return;
    free(m->table);
    free(m->filter);
    free(m->buf);
    free(m);
}

/* Hands on what lies before end as bytes of its own. */
static int hand_on(struct matcher *m, size_t end)
{
    int rc = 0;

    if (end > m->start)
        rc = m->sink.literal(m->sink.opaque, m->buf + m->start,
                             end - m->start);
    m->start = end;
    return rc;
}

static int found(struct matcher *m, uint32_t block)
{
    uint64_t offset = (uint64_t)block * m->held.block;
    int rc = hand_on(m, m->pos);

    m->next = block + 1;
    m->pos += m->held.block;
    m->start = m->pos;
    m->valid = false;
    return rc ? rc : m->sink.copy(m->sink.opaque, offset, m->held.block);
}

/* The hash of the window one byte on, not quite reduced, as was the one given:
 * less than 2^61 + 4.  This is what each byte waits for. */
static uint64_t roll(const struct matcher *m, uint64_t base, uint64_t hash,
                     uint8_t out, uint8_t in)
{
    return fold(fold((wide)hash * base) + (m->gone[out] + in + 1));
}

/* Slides the window to the next block that is found, or to the end. */
static uint32_t slide(struct matcher *m)
{
    const uint8_t *window = m->buf + m->pos;
    const uint8_t *last = m->buf + m->fill - m->held.block;
    const uint64_t base = m->rolling.base;
    const unsigned width = m->held.width;
    const size_t block = m->held.block;
    uint64_t hash = m->hash;
    uint32_t hit;

    for (;; window++) {
        hit = find(m, rolling_cut(&m->rolling, reduce(hash), width));
        if (hit != NONE || window == last)
            break;
        hash = roll(m, base, hash, window[0], window[block]);
    }
    m->pos = window - m->buf;
    m->hash = hash;
    return hit;
}

static int search(struct matcher *m)
{
    size_t block = m->held.block;
    uint32_t hit;
    int rc;

    while (m->pos + block <= m->fill) {
        if (!m->valid)
            m->hash = rolling_add(&m->rolling, 0, m->buf + m->pos, block);
        m->valid = true;
        hit = slide(m);
        if (hit == NONE)
            break;
        rc = found(m, hit);
        if (rc)
            return rc;
    }
    return hand_on(m, m->pos);
}

int matcher_feed(struct matcher *m, const void *data, size_t length)
{
    const uint8_t *p = data;
    size_t n;
    int rc = 0;

    for (; length && !rc; length -= n, p += n) {
        n = length < FEED ? length : FEED;
        memmove(m->buf, m->buf + m->start, m->fill - m->start);
        m->pos -= m->start;
        m->fill -= m->start;
        m->start = 0;
        memcpy(m->buf + m->fill, p, n);
        m->fill += n;
        rc = search(m);
    }
    return rc;
}

int matcher_end(struct matcher *m)
{
    size_t tail = m->held.size % m->held.block;
    uint64_t offset = m->held.size - tail, hash;
    int rc;

    if (!tail || m->fill - m->start < tail)
        return hand_on(m, m->fill);
    hash = rolling_add(&m->rolling, 0, m->buf + m->fill - tail, tail);
    if (rolling_cut(&m->rolling, hash, m->held.width) !=
        hash_of(m, m->n_full))
        return hand_on(m, m->fill);
    rc = hand_on(m, m->fill - tail);
    return rc ? rc : m->sink.copy(m->sink.opaque, offset, tail);
}
