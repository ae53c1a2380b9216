/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The secret of a copy: what the host that has the copy and the host that sent
 * it have in common, and nobody else.  A copy is compared only with a peer that
 * has shown its secret (docs/protocol.md, "Secrets of copies"), because a
 * comparison tells what is in it, and who the guest is and where its disk lies
 * anybody can say.
 *
 * A secret is 32 random bytes.  It crosses once, in the session that makes it.
 * Later its holder shows it by a proof, a keyed BLAKE3 of a nonce of the other
 * side's and of what the disk is called, so that a proof is worth nothing in
 * another session or for another disk.  Its name is derived from it, so that
 * nobody can give a secret the name of another one.
 *
 * Nothing here allocates or fails.
 */
#ifndef PLUGIN_STATE_SECRET_H
#define PLUGIN_STATE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/proto.h"

struct secret {
    bool set;                   /* false: there is none */
    uint8_t bytes[PROTO_SECRET];
};

/* A new one, of the kernel's random numbers (getrandom(2)). */
void secret_make(struct secret *s);

/* Whether two that are set are the same one. */
bool secret_same(const struct secret *a, const struct secret *b);

void secret_name(const struct secret *s, uint8_t name[PROTO_SECRET_NAME]);

/* In hexadecimal and back.  secret_parse() returns false, and no secret, if hex
 * (may be NULL) is none. */
#define SECRET_HEX (2 * PROTO_SECRET + 1)
void secret_print(const struct secret *s, char hex[SECRET_HEX]);
bool secret_parse(const char *hex, struct secret *s_r);

/* What a proof is about; all of it is the source's words but the nonce. */
struct claimed {
    uint8_t nonce[PROTO_NONCE];
    const char *uuid;
    const char *vdev;
    const char *path;           /* at the source */
};

struct proof {
    uint8_t name[PROTO_SECRET_NAME];
    uint8_t bytes[PROTO_PROOF];
};

void secret_prove(const struct secret *s, const struct claimed *about,
                  struct proof *proof_r);

/* What the other side has shown of a disk.  Borrows the strings. */
struct proofs {
    struct claimed about;
    size_t n;
    struct proof list[PROTO_PROOFS_MAX];
};

/* Whether the secret was shown, in constant time but for the name; NULL:
 * nothing was. */
bool proofs_show(const struct proofs *p, const struct secret *s);

#endif
