/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Secrets of copies; see secret.h. */
#include "config.h"

#include <sodium.h>
#include <string.h>

#include "plugin/base/digest.h"
#include "plugin/state/secret.h"

void secret_make(struct secret *s)
{
    /* libsodium takes these of getrandom(2), and aborts if there are none. */
    randombytes_buf(s->bytes, sizeof(s->bytes));
    s->set = true;
}

bool secret_same(const struct secret *a, const struct secret *b)
{
    return !sodium_memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* Adds a string with its end, so that no two sequences of strings are alike. */
static void add_string(struct digest *d, const char *s)
{
    digest_update(d, s, strlen(s) + 1);
}

void secret_name(const struct secret *s, uint8_t name[PROTO_SECRET_NAME])
{
    uint8_t hash[HASH_BYTES];
    struct digest d;

    digest_init_keyed(&d, s->bytes);
    add_string(&d, "name");
    digest_final(&d, hash);
    memcpy(name, hash, PROTO_SECRET_NAME);
}

void secret_print(const struct secret *s, char hex[SECRET_HEX])
{
    sodium_bin2hex(hex, SECRET_HEX, s->bytes, sizeof(s->bytes));
}

bool secret_parse(const char *hex, struct secret *s_r)
{
    size_t n = 0;

    s_r->set = hex &&
        !sodium_hex2bin(s_r->bytes, sizeof(s_r->bytes), hex, strlen(hex),
                        NULL, &n, NULL) && n == sizeof(s_r->bytes);
    return s_r->set;
}

void secret_prove(const struct secret *s, const struct claimed *about,
                  struct proof *proof_r)
{
    struct digest d;

    secret_name(s, proof_r->name);
    digest_init_keyed(&d, s->bytes);
    add_string(&d, "proof");
    digest_update(&d, about->nonce, sizeof(about->nonce));
    add_string(&d, about->uuid);
    add_string(&d, about->vdev);
    add_string(&d, about->path);
    digest_final(&d, proof_r->bytes);
}

bool proofs_show(const struct proofs *p, const struct secret *s)
{
    struct proof right;
    bool shown = false;
    size_t i;

    if (!p || !s->set || p->n == 0)
        return false;
    secret_prove(s, &p->about, &right);
    for (i = 0; i < p->n; i++)
        if (!memcmp(p->list[i].name, right.name, sizeof(right.name)) &&
            !sodium_memcmp(p->list[i].bytes, right.bytes,
                           sizeof(right.bytes)))
            shown = true;
    return shown;
}
