/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of a disk's segments; see digest_table.h.
 *
 * Digests lie in chunks, which are made when the first digest of one is put and
 * stay.  A digest is written before its entry says that it is known.
 */
#include "config.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/target/digest_table.h"

#define CHUNK 256u                  /* digests */
#define CHUNK_BYTES (CHUNK * (size_t)HASH_BYTES)

static const char purpose[] = "the digests of a disk's segments";

enum {
    ENTRY_KNOWN = 1,
    ENTRY_ZERO = 2,
};

struct digest_table {
    struct budget *budget;
    uint64_t n;
    uint64_t taken;                 /* bytes, without the chunks */
    atomic_uchar *entries;
    _Atomic(uint8_t *) *chunks;     /* NULL: it has no digest */
};

static uint64_t chunk_count(uint64_t n)
{
    return n / CHUNK + 1;
}

int digest_table_new(struct digest_table **t_r, uint64_t n, struct budget *b)
{
    struct digest_table *t = calloc(1, sizeof(*t));
    int rc;

    if (!t)
        return -ENOMEM;
    t->budget = b;
    t->n = n;
    t->taken = n + chunk_count(n) * sizeof(*t->chunks);
    rc = budget_take(b, t->taken, purpose);
    if (rc) {
        free(t);
        return rc;
    }
    t->entries = calloc(n + 1, sizeof(*t->entries));
    t->chunks = calloc(chunk_count(n), sizeof(*t->chunks));
    if (!t->entries || !t->chunks) {
        digest_table_free(t);
        return -ENOMEM;
    }
    *t_r = t;
    return 0;
}

void digest_table_free(struct digest_table *t)
{
    uint64_t i, n = 0;
    uint8_t *chunk;

    if (!t)
        return;
    for (i = 0; t->chunks && i < chunk_count(t->n); i++) {
        chunk = atomic_load(&t->chunks[i]);
        n += chunk != NULL;
        free(chunk);
    }
    budget_give(t->budget, t->taken + n * CHUNK_BYTES);
    free(t->chunks);
    free(t->entries);
    free(t);
}

static uint8_t entry(const struct digest_table *t, uint64_t number)
{
    return atomic_load_explicit(&t->entries[number], memory_order_acquire);
}

static void set_entry(struct digest_table *t, uint64_t number, uint8_t e)
{
    atomic_store_explicit(&t->entries[number], e, memory_order_release);
}

/* Of an entry that is known and not zero. */
static uint8_t *digest_in(const struct digest_table *t, uint64_t number)
{
    return atomic_load(&t->chunks[number / CHUNK]) +
        number % CHUNK * HASH_BYTES;
}

static int make_chunk(struct digest_table *t, uint64_t number)
{
    uint8_t *none = NULL, *made;
    int rc;

    if (atomic_load(&t->chunks[number / CHUNK]))
        return 0;
    rc = budget_take(t->budget, CHUNK_BYTES, purpose);
    if (rc)
        return rc;
    made = malloc(CHUNK_BYTES);
    if (made && atomic_compare_exchange_strong(&t->chunks[number / CHUNK],
                                               &none, made))
        return 0;
    /* Another thread was faster, or there is none. */
    budget_give(t->budget, CHUNK_BYTES);
    rc = made ? 0 : -ENOMEM;
    free(made);
    return rc;
}

void digest_table_get(const struct digest_table *t, uint64_t first,
                      size_t count, struct segment_digest *out)
{
    uint8_t e;
    size_t i;

    for (i = 0; i < count; i++) {
        e = entry(t, first + i);
        out[i].known = e & ENTRY_KNOWN;
        out[i].zero = e & ENTRY_ZERO;
        if (e == ENTRY_KNOWN)
            memcpy(out[i].digest, digest_in(t, first + i), HASH_BYTES);
    }
}

static int put(struct digest_table *t, uint64_t number,
               const struct segment_digest *d)
{
    int rc;

    digest_table_forget(t, number);
    if (!d->known)
        return 0;
    if (d->zero) {
        digest_table_set_zero(t, number);
        return 0;
    }
    rc = make_chunk(t, number);
    if (rc)
        return rc;
    memcpy(digest_in(t, number), d->digest, HASH_BYTES);
    set_entry(t, number, ENTRY_KNOWN);
    return 0;
}

int digest_table_put(struct digest_table *t, uint64_t first, size_t count,
                     const struct segment_digest *in)
{
    size_t i;
    int rc = 0, one;

    for (i = 0; i < count; i++) {
        one = put(t, first + i, &in[i]);
        if (!rc)
            rc = one;
    }
    return rc;
}

bool digest_table_knows(const struct digest_table *t, uint64_t number)
{
    return entry(t, number) & ENTRY_KNOWN;
}

bool digest_table_is_zero(const struct digest_table *t, uint64_t number)
{
    return entry(t, number) & ENTRY_ZERO;
}

void digest_table_forget(struct digest_table *t, uint64_t number)
{
    set_entry(t, number, 0);
}

void digest_table_set_zero(struct digest_table *t, uint64_t number)
{
    set_entry(t, number, ENTRY_KNOWN | ENTRY_ZERO);
}

bool digest_table_agree(const struct digest_table *a,
                        const struct digest_table *b, uint64_t number)
{
    uint8_t x = entry(a, number), y = entry(b, number);

    return x && x == y &&
        (x & ENTRY_ZERO || !memcmp(digest_in(a, number),
                                   digest_in(b, number), HASH_BYTES));
}
