/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of received and left disks; see record.h. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/content/segment.h"
#include "plugin/image/stamp.h"
#include "plugin/state/record.h"
#include "plugin/state/record_file.h"

#define ANY_DISK "any"
#define NEXT "next"             /* the stamp of what will be at the path */
#define SECRET "secret"         /* of struct claim: */
#define OLDER "older"
#define FOREIGN "foreign"

static int add_number(struct json_object *o, const char *key, int64_t v)
{
    return record_file_add(o, key, json_object_new_int64(v));
}

static int add_stamp(struct json_object *o, int fd)
{
    char boot[2 * STAMP_BOOT + 1];
    struct stamp m;
    int rc = stamp_of_fd(fd, &m);

    if (rc || (rc = add_number(o, "size", m.size)) ||
        (rc = add_number(o, "dev", m.dev)))
        return rc;
    if (m.block) {
        sodium_bin2hex(boot, sizeof(boot), m.boot, STAMP_BOOT);
        if ((rc = add_number(o, "diskseq", m.diskseq)) ||
            (rc = add_number(o, "written", m.written)))
            return rc;
        return record_file_add_string(o, "boot", boot);
    }
    if ((rc = add_number(o, "ino", m.ino)) ||
        (rc = add_number(o, "mtime_ns", m.mtime_ns)))
        return rc;
    return add_number(o, "ctime_ns", m.ctime_ns);
}

static int add_secret(struct json_object *o, const char *key,
                      const struct secret *s)
{
    char hex[SECRET_HEX];

    if (!s->set)
        return 0;
    secret_print(s, hex);
    return record_file_add_string(o, key, hex);
}

static int add_claim(struct json_object *o, const struct claim *claim)
{
    int rc = claim ? add_secret(o, SECRET, &claim->own) : 0;

    if (!rc && claim)
        rc = add_secret(o, OLDER, &claim->older);
    return rc || !claim || !claim->foreign ? rc :
        record_file_add(o, FOREIGN, json_object_new_boolean(true));
}

static int encode_into(struct json_object *o, const struct record_key *key,
                       const char *role, const struct image *img,
                       const uint8_t *root, const struct claim *claim)
{
    char hex[2 * HASH_BYTES + 1];
    int rc = add_stamp(o, img->fd);

    if (rc || (rc = record_file_add_string(o, "uuid", key->uuid)) ||
        (rc = record_file_add_string(o, "vdev", key->vdev)) ||
        (rc = record_file_add_string(o, "path", key->path)) ||
        (rc = record_file_add_string(o, "role", role)) ||
        (rc = add_number(o, "time", time(NULL))) ||
        (rc = add_claim(o, claim)) || !root)
        return rc;
    sodium_bin2hex(hex, sizeof(hex), root, HASH_BYTES);
    return record_file_add_string(o, "digest", hex);
}

/* 0 and an object, or -errno and NULL. */
static int encode(struct json_object **o_r, const struct record_key *key,
                  const char *role, const struct image *img,
                  const uint8_t *root, const struct claim *claim)
{
    struct json_object *o = json_object_new_object();
    int rc = o ? encode_into(o, key, role, img, root, claim) : -ENOMEM;

    if (rc) {
        json_object_put(o);
        o = NULL;
    }
    *o_r = o;
    return rc;
}

int record_write(const char *state_dir, const struct record_key *key,
                 const char *role, const struct image *img,
                 const uint8_t root[HASH_BYTES], const struct claim *claim)
{
    struct json_object *o;
    int rc = encode(&o, key, role, img, root, claim);

    return record_file_write(state_dir, key, o, rc);
}

int record_intend(const char *state_dir, const struct record_key *key,
                  const struct image *img, const struct claim *claim)
{
    struct json_object *o, *next = NULL;
    int rc = record_file_load(state_dir, key, &o);

    if (rc)
        return rc;
    if (!json_object_is_type(o, json_type_object)) {
        json_object_put(o);
        rc = encode(&o, key, RECORD_RECEIVED, img, NULL, claim);
    }
    if (!rc && !(next = json_object_new_object()))
        rc = -ENOMEM;
    if (!rc)
        rc = add_stamp(next, img->fd);
    if (rc)
        json_object_put(next);
    else if (!(rc = record_file_add(o, NEXT, next)))
        rc = add_claim(next, claim);
    return record_file_write(state_dir, key, o, rc);
}

int record_allow(const char *state_dir, const char *path,
                 const struct image *img)
{
    struct record_key key = { ANY_DISK, ANY_DISK, path };
    struct stamp m;

    if (!stamp_of_fd(img->fd, &m) && !stamp_tells(&m)) {
        log_error("%s: this kernel does not count what is written to the "
                  "device, and could not tell what is there now from what "
                  "comes later; have it count (write 1 to queue/iostats of "
                  "its disk below /sys/block)", path);
        return -EOPNOTSUPP;
    }
    if (img->block)
        fsync(img->fd);
    return record_write(state_dir, &key, RECORD_ALLOW, img, NULL, NULL);
}

static int64_t number_of(struct json_object *o, const char *key)
{
    struct json_object *v;

    return json_object_object_get_ex(o, key, &v) ?
        json_object_get_int64(v) : -1;
}

/* Whether a string of the record is this one. */
static bool has_string(struct json_object *o, const char *key,
                       const char *text)
{
    const char *s = record_file_string(o, key);

    return s && !strcmp(s, text);
}

/* What is missing, as the time of the last change in the records of versions
 * before this one, is no image's. */
static void get_stamp(struct json_object *o, struct stamp *m)
{
    struct json_object *boot;
    size_t n = 0;

    *m = (struct stamp){
        .block = json_object_object_get_ex(o, "boot", &boot),
        .size = number_of(o, "size"),
        .ino = number_of(o, "ino"),
        .mtime_ns = number_of(o, "mtime_ns"),
        .ctime_ns = number_of(o, "ctime_ns"),
        .diskseq = number_of(o, "diskseq"),
        .written = number_of(o, "written"),
    };
    if (m->block && (!json_object_is_type(boot, json_type_string) ||
        sodium_hex2bin(m->boot, STAMP_BOOT, json_object_get_string(boot),
                       json_object_get_string_len(boot), NULL, &n, NULL) ||
        n != STAMP_BOOT))
        memset(m->boot, 0, STAMP_BOOT);
}

/* Whether nobody has written to the image since the record.  What others have
 * written to a device may still be in the cache, and count only then. */
static bool is_unchanged(struct json_object *o, const struct image *img)
{
    struct stamp then, now;

    get_stamp(o, &then);
    if (img->block)
        fsync(img->fd);
    return !stamp_of_fd(img->fd, &now) && stamp_same(&then, &now);
}

/* Whether it is the file that was about to be put in place. */
static bool next_file(struct json_object *o, const struct image *img)
{
    struct json_object *next;
    struct stamp then, now;

    if (!json_object_object_get_ex(o, NEXT, &next) ||
        stamp_of_fd(img->fd, &now))
        return false;
    get_stamp(next, &then);
    return stamp_same_renamed(&then, &now);
}

/* Whether it is the file of the record, which was exchanged for that one and
 * back, and nobody could note it. */
static bool came_back(struct json_object *o, const struct image *img)
{
    struct stamp then, next, now;
    struct json_object *v;

    if (!json_object_object_get_ex(o, NEXT, &v) ||
        stamp_of_fd(img->fd, &now))
        return false;
    get_stamp(o, &then);
    get_stamp(v, &next);
    then.ctime_ns = next.ctime_ns;
    return stamp_same_renamed(&then, &now);
}

static bool same_device(struct json_object *o, const struct image *img)
{
    uint64_t n = segment_count(img->size);
    struct segment_digest *d = calloc(n + 1, sizeof(*d));
    struct threadpool *pool = NULL;
    uint8_t root[HASH_BYTES];
    char hex[2 * HASH_BYTES + 1];
    bool same = false;

    if (d && number_of(o, "size") == (int64_t)img->size &&
        !threadpool_new(&pool, 0) && !segments_hash(img, pool, 0, n, d)) {
        segments_root(d, n, root);
        sodium_bin2hex(hex, sizeof(hex), root, sizeof(root));
        same = has_string(o, "digest", hex);
    }
    threadpool_free(pool);
    free(d);
    return same;
}

int record_begin(const char *state_dir, const struct record_key *key,
                 const struct image *img, const struct claim *claim)
{
    int rc = record_write(state_dir, key, RECORD_RECEIVING, img, NULL, claim);

    if (!rc)
        record_use_up(state_dir, key->path);
    return rc;
}

void record_use_up(const char *state_dir, const char *path)
{
    struct record_key any = { ANY_DISK, ANY_DISK, path };

    record_remove(state_dir, &any);
}

int record_renew(const char *state_dir, const struct record_key *key,
                 const struct image *img)
{
    struct json_object *o;
    int rc = record_file_load(state_dir, key, &o);

    if (rc)
        return rc;
    if (!json_object_is_type(o, json_type_object) ||
        !has_string(o, "role", RECORD_RECEIVING)) {
        json_object_put(o);
        rc = encode(&o, key, RECORD_RECEIVING, img, NULL, NULL);
    } else if (!(rc = add_stamp(o, img->fd))) {
        rc = add_number(o, "time", time(NULL));
    }
    return record_file_write(state_dir, key, o, rc);
}

static bool is_allowed(const char *state_dir, const char *path,
                       const struct image *img)
{
    struct record_key key = { ANY_DISK, ANY_DISK, path };
    struct json_object *o;
    bool allowed = !record_file_load(state_dir, &key, &o) && o &&
        is_unchanged(o, img);

    json_object_put(o);
    return allowed;
}

static enum record_match match(struct json_object *o, const struct image *img)
{
    if (has_string(o, "role", RECORD_RECEIVING))
        return is_unchanged(o, img) ? RECORD_SAME : RECORD_UNSURE;
    if (img->block ? same_device(o, img) :
        is_unchanged(o, img) || next_file(o, img) || came_back(o, img))
        return RECORD_SAME;
    return RECORD_CHANGED;
}

/* Whether a secret of the record, or of what will be there, was shown. */
static bool take_claim(struct json_object *o, const struct proofs *shown,
                       struct claim *claim_r)
{
    struct json_object *v;

    secret_parse(record_file_string(o, SECRET), &claim_r->own);
    secret_parse(record_file_string(o, OLDER), &claim_r->older);
    claim_r->foreign = json_object_object_get_ex(o, FOREIGN, &v);
    return proofs_show(shown, &claim_r->own) ||
        proofs_show(shown, &claim_r->older);
}

bool record_shown(const char *state_dir, const struct record_key *key,
                  const struct proofs *shown, struct claim *claim_r)
{
    struct json_object *o;
    bool is_shown = !record_file_load(state_dir, key, &o) &&
        json_object_is_type(o, json_type_object) &&
        take_claim(o, shown, claim_r);

    json_object_put(o);
    return is_shown;
}

static enum record_match match_shown(struct json_object *o,
                                     const struct image *img,
                                     const struct proofs *shown,
                                     struct claim *claim_r)
{
    struct json_object *of = o;
    enum record_match m;

    if (!img->block && next_file(o, img))
        json_object_object_get_ex(o, NEXT, &of);
    if (take_claim(of, shown, claim_r))
        return match(o, img);
    m = claim_r->own.set ? RECORD_UNPROVEN : RECORD_SECRETLESS;
    memset(claim_r, 0, sizeof(*claim_r));
    return m;
}

enum record_match record_check(const char *state_dir,
                               const struct record_key *key,
                               const struct image *img,
                               const struct proofs *shown,
                               struct claim *claim_r)
{
    enum record_match m = RECORD_NONE;
    struct json_object *o;

    memset(claim_r, 0, sizeof(*claim_r));
    if (!record_file_load(state_dir, key, &o) && o)
        m = match_shown(o, img, shown, claim_r);
    claim_r->unfinished = claim_r->own.set &&
        has_string(o, "role", RECORD_RECEIVING);
    if (m != RECORD_SAME && is_allowed(state_dir, key->path, img))
        m = RECORD_ALLOWED;
    json_object_put(o);
    return m;
}

enum record_match record_compare(const char *state_dir,
                                 const struct record_key *key,
                                 const struct image *img)
{
    enum record_match m = RECORD_NONE;
    struct json_object *o;

    if (!record_file_load(state_dir, key, &o) && o)
        m = match(o, img);
    json_object_put(o);
    return m;
}

void record_remove(const char *state_dir, const struct record_key *key)
{
    char *name = record_file(state_dir, RECORD_DIRECTORY, key);

    if (name && unlink(name) && errno != ENOENT)
        log_errno(-errno, "%s", name);
    free(name);
}

static int list_one(const char *name,
                    int (*each)(void *opaque, const struct record *r),
                    void *opaque)
{
    struct record r = { 0 };
    struct json_object *o;
    int rc = record_file_read(name, &o);

    if (rc) {
        log_errno(rc, "%s", name);
        return rc;
    }
    if (o) {
        r.uuid = record_file_string(o, "uuid");
        r.vdev = record_file_string(o, "vdev");
        r.path = record_file_string(o, "path");
        r.role = record_file_string(o, "role");
        r.time = number_of(o, "time");
        r.size = number_of(o, "size");
    }
    if (r.uuid && r.vdev && r.path && r.role)
        rc = each(opaque, &r);
    else
        log_warn("%s is no record and is passed over", name);
    json_object_put(o);
    return rc;
}

int record_list(const char *state_dir,
                int (*each)(void *opaque, const struct record *r),
                void *opaque)
{
    char *directory, *name;
    struct dirent **entries;
    int n, i, rc = 0;

    if (asprintf(&directory, "%s/" RECORD_DIRECTORY, state_dir) < 0)
        return -ENOMEM;
    n = scandir(directory, &entries, NULL, alphasort);
    if (n < 0 && errno != ENOENT && errno != ENOTDIR) {
        rc = -errno;
        log_errno(rc, "%s", directory);
    }
    for (i = 0; i < n; i++) {
        size_t length = strlen(entries[i]->d_name);

        if (!rc && length > 5 &&
            !strcmp(entries[i]->d_name + length - 5, ".json")) {
            if (asprintf(&name, "%s/%s", directory, entries[i]->d_name) < 0) {
                rc = -ENOMEM;
            } else {
                rc = list_one(name, each, opaque);
                free(name);
            }
        }
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    free(directory);
    return rc;
}

struct forgetting {
    const char *state_dir;
    const char *path;
};

static int forget_one(void *opaque, const struct record *r)
{
    const struct forgetting *f = opaque;
    struct record_key key = { r->uuid, r->vdev, r->path };

    if (!strcmp(r->role, RECORD_UNFINISHED) && !strcmp(r->path, f->path))
        record_remove(f->state_dir, &key);
    return 0;
}

void record_forget_staging(const char *state_dir, const char *path)
{
    struct forgetting f = { state_dir, path };

    record_list(state_dir, forget_one, &f);
}
