/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keyring of a disk of this host: the secrets (secret.h) of its copies at
 * other hosts, with which this host shows to them that it has the disk that
 * those are copies of.  One JSON file, mode 0600, per guest, vdev and path,
 * replaced atomically.  A secret that is lost costs what the copy would have
 * saved, and nothing else.
 */
#ifndef PLUGIN_STATE_KEYRING_H
#define PLUGIN_STATE_KEYRING_H

#include <stddef.h>

#include "plugin/state/record.h"
#include "plugin/state/secret.h"

struct keyring_entry {
    struct secret secret;
    char *peer;                 /* as the user named the host, or NULL: the
                                   secret came along with the disk */
};

struct keyring {
    size_t n;                   /* the latest comes last */
    struct keyring_entry list[PROTO_PROOFS_MAX];
};

/* Reads the keyring of a disk, whose path is the one that the user names, for
 * keyring_release().  One that is missing, damaged or cannot be read (both
 * logged) is empty.  0 or -ENOMEM (logged), and it is empty. */
int keyring_load(const char *state_dir, const struct record_key *key,
                 struct keyring *k_r);
void keyring_release(struct keyring *k);

/* The secret of this name, or NULL. */
const struct secret *keyring_find(const struct keyring *k,
                                  const uint8_t name[PROTO_SECRET_NAME]);

/* What is done to a keyring, under a lock: the secrets are added, and too old
 * ones dropped; and the one of the name `drop` goes (NULL: none). */
struct keyring_change {
    const struct secret *add;
    size_t n;
    const char *peer;           /* or NULL */
    const uint8_t *drop;
};

/* 0 or a negative errno (logged): then the keyring is what it was. */
int keyring_change(const char *state_dir, const struct record_key *key,
                   const struct keyring_change *change);

#endif
