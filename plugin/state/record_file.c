/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where records lie; see record_file.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/fdio.h"
#include "plugin/base/json_text.h"
#include "plugin/base/log.h"
#include "plugin/state/record_file.h"

#define NAME_BYTES 16
#define TEXT_BYTES 65536            /* more than any file here has */

static int make_directory(const char *path)
{
    if (mkdir(path, 0700) && errno != EEXIST)
        return -errno;
    return 0;
}

static void hash_string(crypto_generichash_state *state, const char *s)
{
    crypto_generichash_update(state, (const uint8_t *)s, strlen(s) + 1);
}

/* Its name is a hash, because paths have slashes and any length. */
char *record_file(const char *state_dir, const char *directory,
                  const struct record_key *key)
{
    crypto_generichash_state state;
    uint8_t name[NAME_BYTES];
    char hex[2 * NAME_BYTES + 1], *path;

    crypto_generichash_init(&state, NULL, 0, NAME_BYTES);
    hash_string(&state, key->uuid);
    hash_string(&state, key->vdev);
    hash_string(&state, key->path);
    crypto_generichash_final(&state, name, NAME_BYTES);
    sodium_bin2hex(hex, sizeof(hex), name, sizeof(name));
    if (asprintf(&path, "%s/%s/%s.json", state_dir, directory, hex) < 0)
        return NULL;
    return path;
}

static char *file_name(const char *state_dir, const struct record_key *key)
{
    return record_file(state_dir, RECORD_DIRECTORY, key);
}

int record_file_add(struct json_object *o, const char *key,
                    struct json_object *v)
{
    if (v && !json_object_object_add(o, key, v))
        return 0;
    json_object_put(v);
    return -ENOMEM;
}

int record_file_add_string(struct json_object *o, const char *key,
                           const char *v)
{
    return record_file_add(o, key, json_object_new_string(v));
}

const char *record_file_string(struct json_object *o, const char *key)
{
    struct json_object *v;

    return json_object_is_type(o, json_type_object) &&
        json_object_object_get_ex(o, key, &v) &&
        json_object_is_type(v, json_type_string) ?
        json_object_get_string(v) : NULL;
}

int record_file_make_directory(const char *state_dir, const char *directory)
{
    char *path;
    int rc;

    if (asprintf(&path, "%s/%s", state_dir, directory) < 0)
        return -ENOMEM;
    rc = make_directory(state_dir);
    if (!rc)
        rc = make_directory(path);
    free(path);
    return rc;
}

int record_file_replace(const char *file, struct json_object *o)
{
    struct buf text = BUF_INIT;
    int rc;

    json_text_write(o, &text);
    rc = text.failed ? -ENOMEM :
        fd_replace_file(file, text.data, text.length);
    buf_release(&text);
    return rc;
}

int record_file_write(const char *state_dir, const struct record_key *key,
                      struct json_object *o, int rc)
{
    char *path = file_name(state_dir, key);

    if (!rc && !path)
        rc = -ENOMEM;
    if (!rc)
        rc = record_file_make_directory(state_dir, RECORD_DIRECTORY);
    if (!rc)
        rc = record_file_replace(path, o);
    if (rc)
        log_errno(rc, "record of disk %s cannot be written below %s; a later "
                  "migration back will not know this copy", key->vdev,
                  state_dir);
    free(path);
    json_object_put(o);
    return rc;
}

static int read_text(int fd, char *text)
{
    size_t length = 0;
    ssize_t n;

    do {
        n = read(fd, text + length, TEXT_BYTES - 1 - length);
        if (n < 0 && errno != EINTR)
            return -errno;
        length += n > 0 ? n : 0;
    } while (n != 0 && length < TEXT_BYTES - 1);
    text[length] = '\0';
    return 0;
}

int record_file_read(const char *file, struct json_object **o_r)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC), rc;
    char *text;

    *o_r = NULL;
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
    text = malloc(TEXT_BYTES);
    rc = text ? read_text(fd, text) : -ENOMEM;
    close(fd);
    if (!rc)
        rc = json_text_read(text, o_r);
    free(text);
    return rc == -EINVAL ? 0 : rc;
}

int record_file_load(const char *state_dir, const struct record_key *key,
                     struct json_object **o_r)
{
    char *name = file_name(state_dir, key);
    int rc = name ? record_file_read(name, o_r) : -ENOMEM;

    if (rc) {
        log_errno(rc, "the record of %s cannot be read", key->path);
        *o_r = NULL;
    }
    free(name);
    return rc;
}
