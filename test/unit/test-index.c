/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of the store and the index: what is entered is found, whatever
 * happens to the writer; what is damaged is not trusted.  SEED of the
 * environment makes another one of the random tests. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "test/unit/unit.h"

#include "plugin/base/buf.h"
#include "plugin/index/index.h"
#include "plugin/index/index_add.h"
#include "plugin/index/index_open.h"
#include "plugin/index/index_walk.h"

#define ROUNDS 12

static char *directory;
static unsigned seed = 1;

/* An image of n made-up files; some objects are not worth entering. */
struct made_up {
    unsigned key, n;
    struct fsparse_extent extents[2];
    char path[64];
};

static bool get_made_up(void *opaque, uint32_t i, struct index_object *o)
{
    struct made_up *m = opaque;

    if (i % 7 == 6)
        return false;
    memset(o, 0, sizeof(*o));
    noise(o->digest, sizeof(o->digest), m->key * 1000003 + i);
    o->size = 5000 + i;
    m->extents[0] = (struct fsparse_extent){ 0, 8192 * (i + 1), 4096 };
    m->extents[1] = (struct fsparse_extent){ 4096, 4096 * i, 904 };
    o->extents = m->extents;
    o->n_extents = 2;
    snprintf(m->path, sizeof(m->path), "/usr/lib/f%u-1.%u", i, m->key);
    o->path = m->path;
    o->stream = "";
    return true;
}

static int put(struct store *s, const char *path, unsigned key, unsigned n)
{
    struct made_up m = { .key = key, .n = n };
    struct index_source source = { n, true, get_made_up, &m };
    struct stamp stamp = { .size = UINT64_C(1) << 40, .ino = key };

    return index_add(s, path, &stamp, &source);
}

static struct store *open_index(const char *name, size_t map_bytes)
{
    struct store_options opt = { .map_bytes = map_bytes };
    char *path = path_in(directory, name);
    struct store *s;
    int rc = index_open(&s, path, &opt);

    if (rc)
        fprintf(stderr, "store_open: %s\n", strerror(-rc));
    assert(!rc);
    free(path);
    return s;
}

/* Whether object i of an image is found in the three ways. */
static bool find(struct store *s, unsigned key, unsigned i)
{
    struct made_up m = { .key = key };
    struct index_place p[8];
    struct index_object o, got;
    bool found = false;
    MDB_txn *t;
    int n, j, names, versions;

    assert(get_made_up(&m, i, &o));
    assert(!store_read(s, &t));
    n = index_by_hash(s, t, o.digest, o.size, NULL, p, 8);
    assert(n >= 0);
    for (j = 0; j < n; j++) {
        assert(!index_get(s, t, p[j], &got));
        assert(!memcmp(got.digest, o.digest, sizeof(o.digest)));
        assert(got.size == o.size && got.n_extents == 2);
        assert(!memcmp(got.extents, o.extents, sizeof(m.extents)));
        assert(!strcmp(got.path, m.path) && !*got.stream);
        index_object_release(&got);
        found = true;
    }
    names = index_by_path(s, t, m.path, "", NULL, p, 8);
    snprintf(m.path, sizeof(m.path), "/usr/lib/f%u-22.3333", i + 10);
    versions = index_by_version(s, t, m.path, NULL, p, 8);
    assert((names > 0) == found && (!found || versions > 0));
    assert(!index_by_path(s, t, m.path, "", NULL, p, 8));
    store_read_end(s, t);
    return found;
}

static struct index_report walk(struct store *s)
{
    struct index_report r;
    MDB_txn *t;

    assert(!store_read(s, &t));
    assert(!index_walk(s, t, &r));
    store_read_end(s, t);
    return r;
}

static int add_entered(void *opaque, const struct index_image *i)
{
    *(uint64_t *)opaque += i->n_added;
    return 0;
}

static uint64_t entered(struct store *s)
{
    uint64_t n = 0;
    MDB_txn *t;

    assert(!store_read(s, &t));
    assert(!index_images(s, t, false, add_entered, &n));
    store_read_end(s, t);
    return n;
}

/* Everything leads where it should, and nothing else is there. */
static void assert_sound(struct store *s, uint64_t images)
{
    struct index_report r = walk(s);

    assert(r.lost == 0 && r.missing == 0 && r.abandoned == 0);
    assert(r.images == images && r.objects == entered(s));
}

static void kept(void)
{
    struct store *s = open_index("kept", 0);
    struct index_image i;
    uint32_t first;
    MDB_txn *t;

    assert_sound(s, 0);
    assert(!put(s, "/a", 1, 20000) && !put(s, "/b", 2, 100));
    assert(find(s, 1, 0) && find(s, 1, 19999) && find(s, 2, 99));
    assert(!find(s, 3, 0) && !find(s, 2, 100));
    assert_sound(s, 2);
    store_close(s);

    s = open_index("kept", 0);
    assert(!store_read(s, &t) && !index_find_image(s, t, "/a", &i));
    assert(i.n_objects == 20000 && i.n_added == 20000 - 2857);
    assert(i.stamp.ino == 1 && i.named && i.state == INDEX_LISTED);
    first = i.id;
    index_image_release(&i);
    assert(index_find_image(s, t, "/c", &i) == -ENOENT);
    store_read_end(s, t);

    /* the path holds something else now */
    assert(!put(s, "/a", 3, 50));
    assert(find(s, 3, 49) && !find(s, 1, 0) && find(s, 2, 99));
    assert_sound(s, 2);
    assert(!store_read(s, &t) && !index_find_image(s, t, "/a", &i));
    assert(i.id > first);
    store_read_end(s, t);
    assert(!index_drop(s, i.id) && !find(s, 3, 49) && find(s, 2, 99));
    index_image_release(&i);
    assert_sound(s, 1);
    store_close(s);
}

/* An image that is entered before it is complete. */
static void in_two_steps(void)
{
    struct store *s = open_index("in_two_steps", 0);
    struct made_up m = { .key = 2, .n = 100 };
    struct index_source source = { 100, true, get_made_up, &m };
    struct stamp stamp = { .size = 12345, .ino = 2, .mtime_ns = -5,
                         .ctime_ns = 7 };
    struct index_image i;
    uint32_t id;
    MDB_txn *t;

    assert(!put(s, "/a", 1, 50));
    assert(!index_add_unlisted(s, "/staging", &source, &id));
    assert(find(s, 1, 49) && walk(s).abandoned > 0);
    assert(!store_read(s, &t));
    assert(index_find_image(s, t, "/staging", &i) == -ENOENT);
    store_read_end(s, t);

    /* it takes the place of what the path was */
    assert(!index_list(s, id, "/a", &stamp));
    assert(!find(s, 1, 49) && find(s, 2, 99));
    assert_sound(s, 1);
    assert(!store_read(s, &t) && !index_find_image(s, t, "/a", &i));
    assert(i.id == id && stamp_same(&i.stamp, &stamp) && i.n_objects == 100);
    index_image_release(&i);
    store_read_end(s, t);
    assert(index_list(s, id, "/b", &stamp) == -ENOENT);

    /* the one that changes the index meanwhile removes it */
    m.key = 3;
    assert(!index_add_unlisted(s, "/staging", &source, &id));
    assert(!put(s, "/c", 4, 10) && !find(s, 3, 0));
    assert(index_list(s, id, "/b", &stamp) == -ENOENT);
    assert_sound(s, 2);
    store_close(s);
}

/* Runs body in a process of its own. */
static pid_t fork_writer(const char *name, size_t map_bytes, unsigned key,
                         unsigned n)
{
    struct store *s;
    pid_t pid = fork();

    assert(pid >= 0);
    if (pid)
        return pid;
    s = open_index(name, map_bytes);
    for (;; key++) {
        char path[32];

        snprintf(path, sizeof(path), "/image%u", key % 3);
        assert(!put(s, path, key, n));
        if (map_bytes)
            _exit(0);
    }
}

/* The map starts too small for us, and another process makes it larger. */
static void grown(void)
{
    struct store *s = open_index("grown", 256 << 10);
    int status;
    pid_t pid;

    assert(!put(s, "/mine", 100, 3000));
    pid = fork_writer("grown", 256 << 10, 7, 30000);
    while (!waitpid(pid, &status, WNOHANG))
        assert(find(s, 100, 2));
    assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert(find(s, 7, 29998) && find(s, 100, 0));
    assert(!put(s, "/mine", 101, 3000));
    assert(find(s, 101, 2994) && find(s, 7, 3));
    assert_sound(s, 2);
    store_close(s);
}

/* A writer that is killed at any moment leaves what was listed, whole. */
static void killed(void)
{
    unsigned round, i;
    struct store *s;
    uint64_t listed, before = 0;
    pid_t pid;

    for (round = 0; round < ROUNDS; round++) {
        uint32_t us;

        noise(&us, sizeof(us), seed * 1000 + round);
        us %= 400000;
        pid = fork_writer("killed", 0, 10 + 1000 * round, 9000);
        usleep(us);
        kill(pid, SIGKILL);
        assert(waitpid(pid, NULL, 0) == pid);
        s = open_index("killed", 0);
        listed = walk(s).images;
        /* what was listed once is not lost, only replaced */
        assert(listed <= 3 && listed >= before);
        before = listed;
        assert(!index_clean(s));
        assert_sound(s, listed);
        fprintf(stderr, "  killed after %u us: %u images\n", us,
                (unsigned)listed);
        store_close(s);
    }
    s = open_index("killed", 0);
    for (i = 0; i < 3; i++) {
        char path[32];

        snprintf(path, sizeof(path), "/image%u", i);
        assert(!put(s, path, 5, 10));
    }
    assert_sound(s, 3);
    store_close(s);
}

static void damage(const char *path, unsigned round)
{
    uint8_t junk[64];
    struct stat st;
    uint32_t where[2];
    unsigned i;
    int fd = open(path, O_RDWR);

    assert(fd >= 0 && !fstat(fd, &st));
    for (i = 0; i < 4; i++) {
        noise(where, sizeof(where), seed * 7777 + 10 * round + i);
        noise(junk, sizeof(junk), where[1]);
        assert(pwrite(fd, junk, sizeof(junk), where[0] % st.st_size) > 0);
    }
    if (round % 4 == 3)
        assert(!ftruncate(fd, st.st_size / 2));
    close(fd);
}

/* Whatever has happened to the file: it opens, and answers or knows nothing. */
static void damaged(void)
{
    char *data = path_in(directory, "damaged/data.mdb");
    unsigned round, replaced = 0;
    struct store *s;

    for (round = 0; round < 20; round++) {
        s = open_index("damaged", 0);
        assert(!put(s, "/a", 1, 3000));
        store_close(s);
        damage(data, round);
        s = open_index("damaged", 0);
        if (!find(s, 1, 0)) {
            assert_sound(s, 0);
            replaced++;
        }
        assert(!put(s, "/a", 1, 3000) && find(s, 1, 2999));
        store_close(s);
    }
    fprintf(stderr, "  %u of %u begun anew\n", replaced, round);
    assert(replaced > round / 2);
    free(data);
}

static void foreign(void)
{
    MDB_val key = { 6, (void *)(uintptr_t)"format" }, value;
    struct store_options opt = { .read_only = true };
    char *path = path_in(directory, "foreign");
    uint32_t format = STORE_FORMAT + 1;
    struct store *s = open_index("foreign", 0);
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *t;

    assert(!put(s, "/a", 1, 10));
    store_close(s);
    assert(!mdb_env_create(&env) && !mdb_env_set_maxdbs(env, 8));
    assert(!mdb_env_open(env, path, 0, 0600));
    assert(!mdb_txn_begin(env, NULL, 0, &t));
    assert(!mdb_dbi_open(t, "formats", 0, &dbi));
    value = (MDB_val){ sizeof(format), &format };
    assert(!mdb_put(t, dbi, &key, &value, 0) && !mdb_txn_commit(t));
    mdb_env_close(env);
    assert(index_verify(path) == -EPROTONOSUPPORT);
    assert(index_open(&s, path, &opt) == -EUCLEAN);
    s = open_index("foreign", 0);
    assert(!find(s, 1, 0));
    assert_sound(s, 0);
    store_close(s);
    assert(!index_verify(path));
    free(path);
}

/* Records are read as bytes that may be anything. */
static void records(void)
{
    struct made_up m = { .key = 9 };
    uint8_t key[8], *page, *copy;
    struct index_object o, got;
    struct buf b = BUF_INIT;
    size_t n, i;

    assert(get_made_up(&m, 5, &o));
    index_place_put(key, 3, 5);
    index_encode_object(&b, key, &o);
    assert(!b.failed);
    assert(!index_decode_object(&got, key, b.data, b.length));
    index_object_release(&got);
    /* the end of a page: what reads on, dies */
    page = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(page != MAP_FAILED && !mprotect(page + 4096, 4096, PROT_NONE));
    for (n = 0; n < b.length; n++) {
        copy = page + 4096 - n;
        memcpy(copy, b.data, n);
        assert(index_decode_object(&got, key, copy, n) == -EUCLEAN);
    }
    copy = page + 4096 - b.length;
    for (i = 0; i < b.length; i++) {
        memcpy(copy, b.data, b.length);
        copy[i] ^= 1u << (i % 8);
        assert(index_decode_object(&got, key, copy, n) == -EUCLEAN);
    }
    key[7] ^= 1;
    assert(index_decode_object(&got, key, b.data, b.length) == -EUCLEAN);
    munmap(page, 8192);
    buf_release(&b);
}

int main(void)
{
    const char *wanted = getenv("SEED");

    assert(sodium_init() >= 0);
    if (wanted)
        seed = atoi(wanted);
    fprintf(stderr, "SEED=%u\n", seed);
    directory = make_directory_for_test();
    RUN(records);
    RUN(kept);
    RUN(in_two_steps);
    RUN(grown);
    RUN(killed);
    RUN(damaged);
    RUN(foreign);
    remove_directory(directory);
    return 0;
}
