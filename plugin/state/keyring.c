/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Secrets of a disk's copies elsewhere; see keyring.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/state/keyring.h"
#include "plugin/state/record_file.h"

#define DIRECTORY "secrets"
#define SECRETS "secrets"       /* in the object; each has these: */
#define SECRET "secret"
#define PEER "peer"

static void remove_at(struct keyring *k, size_t i)
{
    free(k->list[i].peer);
    k->n--;
    memmove(k->list + i, k->list + i + 1, (k->n - i) * sizeof(*k->list));
}

static void drop(struct keyring *k, const uint8_t *name)
{
    uint8_t own[PROTO_SECRET_NAME];
    size_t i = k->n;

    while (i-- > 0) {
        secret_name(&k->list[i].secret, own);
        if (!memcmp(own, name, sizeof(own)))
            remove_at(k, i);
    }
}

static int add(struct keyring *k, const struct secret *s, const char *peer)
{
    struct keyring_entry e = { *s, peer ? strdup(peer) : NULL };
    uint8_t name[PROTO_SECRET_NAME];

    if (peer && !e.peer)
        return -ENOMEM;
    secret_name(s, name);
    drop(k, name);
    if (k->n == PROTO_PROOFS_MAX)
        remove_at(k, 0);
    k->list[k->n++] = e;
    return 0;
}

void keyring_release(struct keyring *k)
{
    while (k->n > 0)
        remove_at(k, k->n - 1);
}

const struct secret *keyring_find(const struct keyring *k,
                                  const uint8_t name[PROTO_SECRET_NAME])
{
    uint8_t own[PROTO_SECRET_NAME];
    size_t i;

    for (i = 0; i < k->n; i++) {
        secret_name(&k->list[i].secret, own);
        if (!memcmp(own, name, sizeof(own)))
            return &k->list[i].secret;
    }
    return NULL;
}

/* The file */

/* 0, -EINVAL or -ENOMEM. */
static int decode(struct json_object *o, struct keyring *k)
{
    struct json_object *all, *entry;
    struct secret s;
    size_t i;
    int rc = 0;

    if (!json_object_is_type(o, json_type_object) ||
        !json_object_object_get_ex(o, SECRETS, &all) ||
        !json_object_is_type(all, json_type_array))
        return -EINVAL;
    for (i = 0; i < json_object_array_length(all) && !rc; i++) {
        entry = json_object_array_get_idx(all, i);
        rc = secret_parse(record_file_string(entry, SECRET), &s) ?
            add(k, &s, record_file_string(entry, PEER)) : -EINVAL;
    }
    return rc;
}

static int load(const char *file, struct keyring *k_r)
{
    struct json_object *o;
    int rc;

    k_r->n = 0;
    if (access(file, F_OK))
        return errno == ENOENT ? 0 : -errno;
    rc = record_file_read(file, &o);
    if (!rc)
        rc = decode(o, k_r);
    json_object_put(o);
    if (rc == -EINVAL) {
        log_warn("%s is damaged: what it was the key to counts as not known",
                 file);
        rc = 0;
    }
    return rc;
}

int keyring_load(const char *state_dir, const struct record_key *key,
                 struct keyring *k_r)
{
    char *file = record_file(state_dir, DIRECTORY, key);
    int rc = file ? load(file, k_r) : -ENOMEM;

    if (!file)
        k_r->n = 0;
    if (rc)
        log_errno(rc, "the secrets of disk %s cannot be read; its earlier "
                  "copies elsewhere will not be used", key->vdev);
    if (rc == -ENOMEM)
        keyring_release(k_r);
    free(file);
    return rc == -ENOMEM ? rc : 0;
}

/* 0 and an object, or -ENOMEM. */
static int encode_entry(const struct keyring_entry *e, struct json_object **o_r)
{
    struct json_object *o = json_object_new_object();
    char hex[SECRET_HEX];
    int rc;

    secret_print(&e->secret, hex);
    rc = o ? record_file_add_string(o, SECRET, hex) : -ENOMEM;
    if (!rc && e->peer)
        rc = record_file_add_string(o, PEER, e->peer);
    if (rc)
        json_object_put(o);
    *o_r = o;
    return rc;
}

static int encode(const struct keyring *k, const struct record_key *key,
                  struct json_object *o)
{
    struct json_object *all = json_object_new_array(), *entry;
    size_t i;
    int rc = record_file_add(o, SECRETS, all);

    if (rc || (rc = record_file_add_string(o, "uuid", key->uuid)) ||
        (rc = record_file_add_string(o, "vdev", key->vdev)))
        return rc;
    rc = record_file_add_string(o, "path", key->path);
    for (i = 0; i < k->n && !rc; i++) {
        rc = encode_entry(&k->list[i], &entry);
        if (!rc && json_object_array_add(all, entry)) {
            json_object_put(entry);
            rc = -ENOMEM;
        }
    }
    return rc;
}

static int store(const char *file, const struct record_key *key,
                 const struct keyring *k)
{
    struct json_object *o = json_object_new_object();
    int rc = o ? encode(k, key, o) : -ENOMEM;

    if (!rc)
        rc = record_file_replace(file, o);
    json_object_put(o);
    return rc;
}

/* Changing: two sessions may send one disk to two hosts. */

/* A descriptor whose closing unlocks, or a negative errno. */
static int lock_directory(const char *state_dir)
{
    char *directory;
    int fd, rc = record_file_make_directory(state_dir, DIRECTORY);

    if (!rc && asprintf(&directory, "%s/" DIRECTORY, state_dir) < 0)
        rc = -ENOMEM;
    if (rc)
        return rc;
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        rc = -errno;
    while (!rc && flock(fd, LOCK_EX))
        rc = errno == EINTR ? 0 : -errno;
    if (rc && fd >= 0)
        close(fd);
    free(directory);
    return rc ? rc : fd;
}

static int change_file(const char *file, const struct record_key *key,
                       const struct keyring_change *change)
{
    struct keyring k;
    size_t i;
    int rc = load(file, &k);

    for (i = 0; i < change->n && !rc; i++)
        rc = add(&k, &change->add[i], change->peer);
    if (!rc && change->drop)
        drop(&k, change->drop);
    if (!rc)
        rc = store(file, key, &k);
    keyring_release(&k);
    return rc;
}

int keyring_change(const char *state_dir, const struct record_key *key,
                   const struct keyring_change *change)
{
    char *file = record_file(state_dir, DIRECTORY, key);
    int fd = lock_directory(state_dir), rc;

    rc = fd < 0 ? fd : file ? change_file(file, key, change) : -ENOMEM;
    if (fd >= 0)
        close(fd);
    free(file);
    if (rc)
        log_errno(rc, "the secret of a copy of disk %s cannot be kept below "
                  "%s; the next session will not know that copy, and refuse "
                  "to overwrite it", key->vdev, state_dir);
    return rc;
}
