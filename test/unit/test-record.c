/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of record.c: which copies are known.  The parts about devices
 * need root and a loop device; without them this is said, and the rest is
 * tested.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <linux/fs.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "test/unit/loop.h"
#include "test/unit/unit.h"

#include "plugin/content/segment.h"
#include "plugin/state/keyring.h"
#include "plugin/state/record.h"

static char *directory, *state, *path;
static const uint8_t root[HASH_BYTES];
static struct claim claim, found;
static struct proofs shown = { .about = { .uuid = "uuid", .vdev = "xvda",
                                          .path = "/source" } };

static const char *never_copied = "";
static int strings_left = INT_MAX;

/* The program's own take the place of those of the libraries.  json-c 0.16
 * itself ends with a signal where it has no copy of a name. */
char *strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = strcmp(s, never_copied) ? malloc(n) : NULL;

    return copy ? memcpy(copy, s, n) : NULL;
}

struct json_object *json_object_new_string(const char *s)
{
    return strings_left > 0 && strings_left-- ?
        json_object_new_string_len(s, strlen(s)) : NULL;
}

static struct record_key key(void)
{
    return (struct record_key){ "uuid", "xvda", path };
}

static enum record_match check_key(struct record_key k)
{
    struct image img = IMAGE_INIT;
    enum record_match match;

    assert(!image_open(&img, k.path));
    match = record_check(state, &k, &img, &shown, &found);
    image_release(&img);
    return match;
}

static enum record_match check(void)
{
    return check_key(key());
}

static void write_record(const char *role)
{
    struct record_key k = key();
    struct image img = IMAGE_INIT;

    assert(!image_open(&img, path));
    assert(!record_write(state, &k, role, &img, root, &claim));
    image_release(&img);
}

static void allow(void)
{
    struct image img = IMAGE_INIT;

    assert(!image_open(&img, path));
    assert(!record_allow(state, path, &img));
    image_release(&img);
}

/* Changes the time of the last modification by 1 ns. */
static void touch(void)
{
    struct timespec times[2];
    struct stat st;

    assert(!stat(path, &st));
    times[0] = st.st_atim;
    times[1] = st.st_mtim;
    times[1].tv_nsec = (times[1].tv_nsec + 1) % 1000000000;
    assert(!utimensat(AT_FDCWD, path, times, 0));
}

static void forget(void)
{
    char *command;

    assert(asprintf(&command, "rm -rf '%s'", state) > 0);
    assert(!system(command));
    free(command);
}

static void known_copy(void)
{
    struct record_key k;
    struct stat st;

    write_file(path, "content", 7);
    assert(check() == RECORD_NONE);
    write_record("received");
    assert(check() == RECORD_SAME);
    assert(!stat(state, &st) && (st.st_mode & 07777) == 0700);
    write_record("left");
    assert(check() == RECORD_SAME);

    /* another guest, another disk: no record */
    k = key();
    k.uuid = "uuid2";
    assert(check_key(k) == RECORD_NONE);
    k = key();
    k.vdev = "xvdb";
    assert(check_key(k) == RECORD_NONE);
    /* the strings do not run together */
    k.uuid = "uuidx";
    k.vdev = "vda";
    assert(check_key(k) == RECORD_NONE);
}

static void changed_copy(void)
{
    char *other = path_in(directory, "other");
    struct timespec times[2];
    struct stat st;

    write_file(path, "content", 7);
    write_record("received");
    touch();
    assert(check() == RECORD_CHANGED);
    write_record("received");
    assert(check() == RECORD_SAME);
    write_file(path, "content2", 8);
    assert(check() == RECORD_CHANGED);
    write_record("received");
    /* another file under the same name, as alike as it can be */
    write_file(other, "CONTENT2", 8);
    assert(!stat(path, &st));
    times[0] = st.st_atim;
    times[1] = st.st_mtim;
    assert(!utimensat(AT_FDCWD, other, times, 0));
    assert(!rename(other, path));
    assert(check() == RECORD_CHANGED);
    forget();
    assert(check() == RECORD_NONE);
    free(other);
}

/* Writes text over the only record. */
static void damage(const char *text)
{
    char *command;

    assert(asprintf(&command, "for f in '%s'/records/*.json; do "
                    "printf '%%s' '%s' >\"$f\"; done", state, text) > 0);
    assert(!system(command));
    free(command);
}

/* A time of modification can be set to what it was, that of the change
 * cannot. */
static void hidden_write(void)
{
    struct timespec times[2];
    struct stat st;

    write_file(path, "content", 7);
    write_record("received");
    assert(!stat(path, &st));
    times[0] = st.st_atim;
    times[1] = st.st_mtim;
    write_file(path, "CONTENT", 7);
    assert(!utimensat(AT_FDCWD, path, times, 0));
    assert(check() == RECORD_CHANGED);
    forget();
    allow();
    assert(check() == RECORD_ALLOWED);
    assert(!utimensat(AT_FDCWD, path, times, 0));
    assert(check() == RECORD_NONE);
    forget();
}

static void intend(const char *file)
{
    struct record_key k = key();
    struct image img = IMAGE_INIT;

    assert(!image_open(&img, file));
    assert(!record_intend(state, &k, &img, &claim));
    image_release(&img);
}

/* A host that is reset around the renaming knows what is at the path. */
static void interrupted_renaming(void)
{
    char *staging = path_in(directory, "staging");

    write_file(path, "content", 7);
    write_record("received");
    write_file(staging, "newer", 5);
    intend(staging);
    assert(check() == RECORD_SAME);
    assert(!rename(staging, path));
    assert(check() == RECORD_SAME);
    write_record("received");
    assert(check() == RECORD_SAME);
    touch();
    assert(check() == RECORD_CHANGED);
    /* nothing was there before */
    forget();
    write_file(staging, "first", 5);
    intend(staging);
    assert(!rename(staging, path));
    assert(check() == RECORD_SAME);
    touch();
    assert(check() == RECORD_CHANGED);
    /* another file comes to the path */
    write_record("received");
    write_file(staging, "newer", 5);
    intend(staging);
    write_file(path, "other", 5);
    assert(check() == RECORD_CHANGED);
    unlink(staging);
    forget();
    free(staging);
}

static void exchange(const char *one, const char *other)
{
    assert(!renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE));
}

/* What was exchanged, and back, is known although nobody could note that. */
static void came_back(void)
{
    char *staging = path_in(directory, "staging");
    struct stat then, now;

    write_file(path, "content", 7);
    write_record("received");
    assert(!stat(path, &then));
    usleep(20000);
    write_file(staging, "newer", 5);
    intend(staging);
    exchange(staging, path);
    assert(check() == RECORD_SAME);
    exchange(staging, path);
    assert(!stat(path, &now));
    assert(now.st_ctim.tv_sec != then.st_ctim.tv_sec ||
           now.st_ctim.tv_nsec != then.st_ctim.tv_nsec);
    assert(check() == RECORD_SAME);
    touch();
    assert(check() == RECORD_CHANGED);
    unlink(staging);
    forget();
    free(staging);
}

/* Versions before this one did not note the time of the last change. */
static void old_record(void)
{
    struct stat st;
    char *text;

    write_file(path, "content", 7);
    write_record("received");
    assert(!stat(path, &st));
    assert(asprintf(&text, "{ \"role\": \"received\", \"size\": 7, "
                    "\"ino\": %lu, \"mtime_ns\": %lld }",
                    (unsigned long)st.st_ino,
                    st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec) >
           0);
    damage(text);
    /* nor did it agree on a secret */
    assert(check() == RECORD_SECRETLESS);
    free(text);
    forget();
}

static void allowed(void)
{
    struct record_key k;

    write_file(path, "content", 7);
    allow();
    assert(check() == RECORD_ALLOWED);
    k = key();
    k.uuid = "anybody";
    assert(check_key(k) == RECORD_ALLOWED);
    touch();
    assert(check() == RECORD_NONE);
    /* and for a copy that was changed */
    write_record("received");
    touch();
    assert(check() == RECORD_CHANGED);
    allow();
    assert(check() == RECORD_ALLOWED);
    write_record("received");
    assert(check() == RECORD_SAME);
    forget();
}

static void damaged_record(void)
{
    write_file(path, "content", 7);
    write_record("received");
    damage("");
    assert(check() == RECORD_NONE);
    damage("{ \"size\": 7, \"ino\":");
    assert(check() == RECORD_NONE);
    damage("{}");
    assert(check() == RECORD_SECRETLESS);
    damage("[ 1 ]");
    assert(check() == RECORD_SECRETLESS);
    damage("{ \"role\": null, \"size\": 7 }");
    assert(check() == RECORD_SECRETLESS);
    damage("{ \"role\": { }, \"size\": \"x\", \"digest\": null }");
    assert(check() == RECORD_SECRETLESS);
    forget();
}

static struct claim claim_of_new(void)
{
    struct claim c = { .foreign = false };

    secret_make(&c.own);
    return c;
}

/* Shows this secret alone; NULL: none. */
static void show(const struct secret *s)
{
    shown.n = s ? 1 : 0;
    if (s)
        secret_prove(s, &shown.about, &shown.list[0]);
}

static void secrets(void)
{
    struct claim mine = claim, other = claim_of_new(), next = claim_of_new();
    struct record_key k = key();
    struct image img = IMAGE_INIT;

    write_file(path, "content", 7);
    claim.older = other.own;
    write_record("received");
    assert(check() == RECORD_SAME);
    assert(secret_same(&found.own, &mine.own));
    show(&other.own);           /* of the copy that this one was made over */
    assert(check() == RECORD_SAME);
    assert(secret_same(&found.own, &mine.own));
    show(&next.own);
    assert(check() == RECORD_UNPROVEN && !found.own.set);
    show(NULL);
    assert(check() == RECORD_UNPROVEN && !found.own.set);
    /* what has become of the copy is not for everybody */
    touch();
    assert(check() == RECORD_UNPROVEN);
    show(&mine.own);
    assert(check() == RECORD_CHANGED && found.own.set);
    /* the admin's word is for overwriting; whose it was is known or not */
    allow();
    assert(check() == RECORD_ALLOWED && found.own.set);
    show(NULL);
    assert(check() == RECORD_ALLOWED && !found.own.set);

    /* the next copy has its own secret before it has its own record */
    claim = mine;
    touch();
    write_record("received");
    assert(!image_open(&img, path));
    assert(!record_intend(state, &k, &img, &next));
    image_release(&img);
    show(&next.own);
    assert(check() == RECORD_SAME);
    assert(secret_same(&found.own, &next.own));
    show(&mine.own);
    assert(check() == RECORD_UNPROVEN);

    /* what is about another nonce, or another disk, shows nothing */
    write_record("received");
    show(&mine.own);
    assert(check() == RECORD_SAME);
    shown.about.nonce[31]++;
    assert(check() == RECORD_UNPROVEN);
    show(&mine.own);
    shown.about.vdev = "xvdb";
    assert(check() == RECORD_UNPROVEN);
    shown.about.vdev = "xvda";
    shown.about.path = "/sourc";
    assert(check() == RECORD_UNPROVEN);
    shown.about.path = "/source";
    assert(check() == RECORD_SAME);
    shown.list[0].bytes[PROTO_PROOF - 1]++;
    assert(check() == RECORD_UNPROVEN);
    show(&mine.own);
    forget();
}

static void entries(void)
{
    struct keyring_change change = { .n = 1, .peer = "hostb" };
    struct record_key k = key(), elsewhere = { "uuid", "xvda", "/else" };
    struct secret all[PROTO_PROOFS_MAX + 3];
    uint8_t name[PROTO_SECRET_NAME];
    struct keyring ring;
    size_t i, n = sizeof(all) / sizeof(all[0]);

    assert(!keyring_load(state, &k, &ring));
    assert(ring.n == 0);
    for (i = 0; i < n; i++) {
        secret_make(&all[i]);
        change.add = &all[i];
        assert(!keyring_change(state, &k, &change));
        /* twice is once */
        assert(!keyring_change(state, &k, &change));
    }
    keyring_load(state, &k, &ring);
    assert(ring.n == PROTO_PROOFS_MAX);
    assert(secret_same(&ring.list[0].secret, &all[3]));
    assert(!strcmp(ring.list[0].peer, "hostb"));
    keyring_release(&ring);
    secret_name(&all[n - 1], name);
    change = (struct keyring_change){ .drop = name };
    assert(!keyring_change(state, &k, &change));
    keyring_load(state, &k, &ring);
    assert(ring.n == PROTO_PROOFS_MAX - 1 && !keyring_find(&ring, name));
    secret_name(&all[n - 2], name);
    assert(secret_same(keyring_find(&ring, name), &all[n - 2]));
    keyring_release(&ring);
    assert(!keyring_load(state, &elsewhere, &ring));
    assert(ring.n == 0);
    forget();
}

/* A keyring without memory is neither an empty one, nor one of half of what is
 * known. */
static void no_memory(void)
{
    struct keyring_change change = { .n = 1, .peer = "hostb" };
    struct record_key k = key();
    struct secret first, second;
    struct keyring ring;
    int n;

    secret_make(&first);
    change.add = &first;
    assert(!keyring_change(state, &k, &change));
    never_copied = change.peer;
    assert(keyring_load(state, &k, &ring) == -ENOMEM && ring.n == 0);
    never_copied = "";

    secret_make(&second);
    change.add = &second;
    for (n = 0; strings_left = n, keyring_change(state, &k, &change); n++) {
        assert(!keyring_load(state, &k, &ring) && ring.n == 1);
        assert(secret_same(&ring.list[0].secret, &first));
        keyring_release(&ring);
    }
    /* uuid, vdev, path; twice a secret and a peer */
    assert(n == 7);
    strings_left = INT_MAX;
    assert(!keyring_load(state, &k, &ring) && ring.n == 2);
    assert(secret_same(&ring.list[1].secret, &second));
    keyring_release(&ring);
    forget();
}

static void no_place_for_records(void)
{
    struct record_key k = key();
    struct image img = IMAGE_INIT;
    char *keep = state, *file = path_in(directory, "file");

    write_file(path, "content", 7);
    write_file(file, "", 0);
    state = path_in(file, "state");
    assert(!image_open(&img, path));
    assert(record_write(state, &k, "received", &img, root, &claim) == -ENOTDIR);
    assert(record_begin(state, &k, &img, &claim) == -ENOTDIR);
    assert(record_check(state, &k, &img, &shown, &found) == RECORD_NONE);
    image_release(&img);
    free(state);
    free(file);
    state = keep;
}

static void write_at(const char *device, const void *data, size_t length,
                     off_t offset)
{
    int fd = open(device, O_WRONLY | O_CLOEXEC);

    assert(fd >= 0);
    assert(pwrite(fd, data, length, offset) == (ssize_t)length);
    assert(!fsync(fd));
    close(fd);
}

static void discard(const char *device, uint64_t offset, uint64_t length)
{
    int fd = open(device, O_WRONLY | O_CLOEXEC);
    uint64_t range[2] = { offset, length };

    assert(fd >= 0 && !ioctl(fd, BLKDISCARD, range));
    close(fd);
}

static int count_writes(const char *device, bool yes)
{
    char *name;
    int fd, rc = -1;

    assert(asprintf(&name, "/sys/block/%s/queue/iostats",
                    strrchr(device, '/') + 1) > 0);
    fd = open(name, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        rc = write(fd, yes ? "1" : "0", 1) == 1 ? 0 : -1;
        close(fd);
    }
    free(name);
    return rc;
}

static void true_root(const struct image *img, uint8_t out[HASH_BYTES])
{
    struct segment_digest d[8] = { { 0 } };
    struct threadpool *pool;
    uint64_t n = segment_count(img->size);

    assert(n <= 8 && !threadpool_new(&pool, 1));
    assert(!segments_hash(img, pool, 0, n, d));
    segments_root(d, n, out);
    threadpool_free(pool);
}

/* A device is known by its content. */
static void device(void)
{
    char *file = path_in(directory, "backing"), *name, *keep = path;
    struct image img = IMAGE_INIT;
    uint8_t digest[HASH_BYTES];
    struct record_key k;

    write_file(file, "", 0);
    assert(!truncate(file, 3 << 20));
    name = loop_attach(file);
    if (!name) {
        fprintf(stderr, "device: skipped, no loop device\n");
        free(file);
        return;
    }
    path = name;
    k = key();
    assert(!image_open(&img, path) && img.block);
    assert(record_check(state, &k, &img, &shown, &found) == RECORD_NONE);
    write_at(path, "first", 5, 1 << 20);
    true_root(&img, digest);
    assert(!record_write(state, &k, "received", &img, digest, &claim));
    assert(record_check(state, &k, &img, &shown, &found) == RECORD_SAME);
    write_at(path, "FIRST", 5, 1 << 20);
    assert(record_check(state, &k, &img, &shown, &found) == RECORD_CHANGED);

    /* the word holds for what is there, until it is used */
    assert(!record_allow(state, path, &img));
    assert(record_check(state, &k, &img, &shown, &found) == RECORD_ALLOWED);
    write_at(path, "again", 5, 1 << 20);
    assert(record_check(state, &k, &img, &shown, &found) == RECORD_CHANGED);
    assert(!record_allow(state, path, &img));
    assert(!record_begin(state, &k, &img, &claim));
    k.uuid = "another";
    assert(record_check(state, &k, &img, &shown, &found) == RECORD_NONE);

    /* half written: the same disk may go on, if nobody else has written */
    k = key();
    assert(record_check(state, &k, &img, &shown, &found) == RECORD_SAME);
    write_at(path, "half", 4, 2 << 20);
    assert(record_check(state, &k, &img, &shown, &found) == RECORD_UNSURE);
    assert(!record_write(state, &k, RECORD_RECEIVING, &img, NULL, &claim));
    assert(record_check(state, &k, &img, &shown, &found) == RECORD_SAME);
    image_release(&img);
    /* not even by discarding */
    discard(path, 2 << 20, 1 << 20);
    assert(!image_open(&img, path));
    assert(record_check(state, &k, &img, &shown, &found) == RECORD_UNSURE);
    assert(!record_allow(state, path, &img));
    assert(record_check(state, &k, &img, &shown, &found) == RECORD_ALLOWED);
    assert(!record_write(state, &k, RECORD_RECEIVING, &img, NULL, &claim));
    image_release(&img);
    /* nor is anything known where nothing is counted */
    assert(!image_open(&img, path));
    if (!count_writes(name, false)) {
        assert(record_check(state, &k, &img, &shown, &found) == RECORD_UNSURE);
        assert(record_allow(state, path, &img) == -EOPNOTSUPP);
        assert(!count_writes(name, true));
    } else {
        fprintf(stderr, "a device that is not counted: skipped\n");
    }
    assert(record_check(state, &k, &img, &shown, &found) == RECORD_SAME);
    image_release(&img);
    /* another life of the device, as after the host was started anew */
    loop_detach(name);
    name = path = loop_attach(file);
    k = key();
    assert(name && !image_open(&img, path));
    assert(record_check(state, &k, &img, &shown, &found) != RECORD_SAME);
    assert(record_check(state, &k, &img, &shown, &found) != RECORD_ALLOWED);
    image_release(&img);
    loop_detach(name);
    path = keep;
    free(file);
    forget();
}

int main(void)
{
    assert(sodium_init() >= 0);
    directory = make_directory_for_test();
    state = path_in(directory, "state");
    path = path_in(directory, "disk.img");
    secret_make(&claim.own);
    secret_prove(&claim.own, &shown.about, &shown.list[0]);
    shown.n = 1;
    RUN(known_copy);
    RUN(changed_copy);
    RUN(hidden_write);
    RUN(interrupted_renaming);
    RUN(came_back);
    RUN(old_record);
    RUN(allowed);
    RUN(damaged_record);
    RUN(secrets);
    RUN(entries);
    RUN(no_memory);
    RUN(no_place_for_records);
    RUN(device);
    free(path);
    free(state);
    remove_directory(directory);
    return 0;
}
