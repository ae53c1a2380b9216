/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Store; see store.h.
 *
 * The store is a directory with LMDB's two files.  It is replaced by renaming
 * the directory away, so that processes that have it open go on with the old
 * one, which nobody else sees any more.
 *
 * lock: held for reading by every transaction, and for writing while the map
 * grows, because LMDB wants no transaction of this process then.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/index/store.h"

#define MAP_BYTES ((size_t)1 << 30)     /* address space, not memory */
#define READERS 1024
#define MODE 0600

/* How a child says what it found. */
enum {
    VERDICT_SOUND = 0,
    VERDICT_DAMAGED = 10,
    VERDICT_FOREIGN = 11,
    VERDICT_MISSING = 12,
    VERDICT_UNKNOWN = 13,
};

struct store {
    MDB_env *env;
    pthread_rwlock_t lock;
    bool read_only;
    MDB_dbi dbi[STORE_TABLES];
};

static const struct {
    const char *name;
    unsigned flags;
} tables[STORE_TABLES] = {
    [STORE_FORMATS] = { "formats", 0 },
    [STORE_IMAGES] = { "images", 0 },
    [STORE_OBJECTS] = { "objects", 0 },
    [STORE_HASHES] = { "hashes", MDB_DUPSORT | MDB_DUPFIXED },
    [STORE_PATHS] = { "paths", MDB_DUPSORT | MDB_DUPFIXED },
    [STORE_VERSIONS] = { "versions", MDB_DUPSORT | MDB_DUPFIXED },
};

int store_code(int mdb)
{
    switch (mdb) {
    case MDB_SUCCESS:
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
        return mdb;
    case MDB_NOTFOUND:
        return -ENOENT;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_PANIC:
    case MDB_CURSOR_FULL:
    case MDB_BAD_DBI:
    case MDB_INCOMPATIBLE:
        return -EUCLEAN;
    case MDB_VERSION_MISMATCH:
        return -EPROTONOSUPPORT;
    case MDB_READERS_FULL:
        return -EAGAIN;
    default:
        return mdb > 0 ? -mdb : -EIO;
    }
}

MDB_dbi store_dbi(const struct store *s, enum store_table table)
{
    return s->dbi[table];
}

static int open_tables(struct store *s, MDB_txn *t, bool create)
{
    unsigned i;
    int rc = 0;

    for (i = 0; i < STORE_TABLES && !rc; i++)
        rc = mdb_dbi_open(t, tables[i].name,
                          tables[i].flags | (create ? MDB_CREATE : 0),
                          &s->dbi[i]);
    return store_code(rc);
}

static int check_format(struct store *s, MDB_txn *t)
{
    MDB_val key = { 6, (void *)(uintptr_t)"format" }, value;
    uint32_t format = STORE_FORMAT;
    int rc = store_code(mdb_get(t, s->dbi[STORE_FORMATS], &key, &value));

    if (!rc && (value.mv_size != sizeof(format) ||
                memcmp(value.mv_data, &format, sizeof(format))))
        rc = -EPROTONOSUPPORT;
    return rc == -ENOENT ? -EUCLEAN : rc;
}

/* An empty file gets its tables and its format in one transaction, so that a
 * store without them is damaged. */
static int begin_tables(struct store *s, MDB_txn *t)
{
    MDB_val key = { 6, (void *)(uintptr_t)"format" }, value;
    uint32_t format = STORE_FORMAT;
    MDB_stat stat;
    int rc = store_code(mdb_env_stat(s->env, &stat));

    if (rc)
        return rc;
    if (stat.ms_entries > 0 || s->read_only) {
        rc = open_tables(s, t, false);
        rc = rc == -ENOENT ? -EUCLEAN : rc;
        return rc ? rc : check_format(s, t);
    }
    rc = open_tables(s, t, true);
    value = (MDB_val){ sizeof(format), &format };
    if (!rc)
        rc = store_code(mdb_put(t, s->dbi[STORE_FORMATS], &key, &value, 0));
    return rc;
}

/* Opens without a doubt.  The file may have been made for another map. */
static int open_env(struct store *s, const char *directory, size_t map_bytes)
{
    unsigned flags = MDB_NOTLS | (s->read_only ? MDB_RDONLY : 0);
    MDB_txn *t = NULL;
    int rc;

    rc = mdb_env_create(&s->env);
    if (!rc)
        rc = mdb_env_set_maxdbs(s->env, STORE_TABLES);
    if (!rc)
        rc = mdb_env_set_maxreaders(s->env, READERS);
    if (!rc)
        rc = mdb_env_set_mapsize(s->env, map_bytes ? map_bytes : MAP_BYTES);
    if (!rc)
        rc = mdb_env_open(s->env, directory, flags, MODE);
    if (!rc)
        rc = mdb_txn_begin(s->env, NULL, s->read_only ? MDB_RDONLY : 0, &t);
    if (rc == MDB_MAP_RESIZED && !mdb_env_set_mapsize(s->env, 0))
        rc = mdb_txn_begin(s->env, NULL, s->read_only ? MDB_RDONLY : 0, &t);
    if (rc)
        return store_code(rc);
    rc = begin_tables(s, t);
    if (!rc)
        return store_code(mdb_txn_commit(t));
    mdb_txn_abort(t);
    return rc;
}

static int open_sound(struct store **s_r, const char *directory,
                      const struct store_options *opt)
{
    struct store *s = calloc(1, sizeof(*s));
    int rc, dead;

    if (!s)
        return -ENOMEM;
    s->read_only = opt->read_only;
    pthread_rwlock_init(&s->lock, NULL);
    rc = open_env(s, directory, opt->map_bytes);
    if (rc) {
        store_close(s);
        return rc;
    }
    /* Processes that died reading would keep old pages alive for ever. */
    mdb_reader_check(s->env, &dead);
    *s_r = s;
    return 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    if (s->env)
        mdb_env_close(s->env);
    pthread_rwlock_destroy(&s->lock);
    free(s);
}

/* Health */

/* What a writer will read of its list of free pages (LMDB's table 0): each
 * value is a count n and n page numbers, none of which may lie outside: past
 * the file's end there is a SIGBUS. */
static int walk_free_pages(MDB_env *env, MDB_txn *t)
{
    MDB_val key, value;
    MDB_envinfo info;
    MDB_cursor *c;
    size_t page, n = 0;
    int rc = mdb_env_info(env, &info);

    if (!rc)
        rc = mdb_cursor_open(t, 0, &c);
    if (rc)
        return store_code(rc);
    rc = mdb_cursor_get(c, &key, &value, MDB_FIRST);
    while (!rc) {
        if (value.mv_size < sizeof(n) || value.mv_size % sizeof(n))
            rc = MDB_CORRUPTED;
        else
            memcpy(&n, value.mv_data, sizeof(n));
        if (!rc && n > value.mv_size / sizeof(n) - 1)
            rc = MDB_CORRUPTED;
        for (; !rc && n > 0; n--) {
            memcpy(&page, (uint8_t *)value.mv_data + n * sizeof(n),
                   sizeof(page));
            if (page > info.me_last_pgno)
                rc = MDB_CORRUPTED;
        }
        if (!rc)
            rc = mdb_cursor_get(c, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(c);
    return rc == MDB_NOTFOUND ? 0 : store_code(rc);
}

static int verdict_of(int rc)
{
    switch (rc) {
    case 0:
        return VERDICT_SOUND;
    case -EUCLEAN:
        return VERDICT_DAMAGED;
    case -EPROTONOSUPPORT:
        return VERDICT_FOREIGN;
    case -ENOENT:
        return VERDICT_MISSING;
    default:
        return VERDICT_UNKNOWN;
    }
}

/* In the child.  Says nothing: another thread may have held the log's lock
 * when we were forked. */
static int walk(const char *directory, store_check *check)
{
    struct store_options opt = { .read_only = true };
    struct store *s;
    MDB_txn *t;
    int rc;

    rc = open_sound(&s, directory, &opt);
    if (rc)
        return rc;
    rc = store_read(s, &t);
    if (!rc) {
        rc = walk_free_pages(s->env, t);
        if (!rc)
            rc = check(s, t);
        store_read_end(s, t);
    }
    store_close(s);
    return rc;
}

static int wait_for(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    if (!WIFEXITED(status))
        return -EUCLEAN;        /* it crashed on a page */
    switch (WEXITSTATUS(status)) {
    case VERDICT_SOUND:
        return 0;
    case VERDICT_FOREIGN:
        return -EPROTONOSUPPORT;
    case VERDICT_MISSING:
        return -ENOENT;
    case VERDICT_UNKNOWN:
        return -EIO;
    default:
        return -EUCLEAN;
    }
}

int store_verify(const char *directory, store_check *check)
{
    static const int crashes[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE };
    struct stat st;
    char *data;
    size_t i;
    pid_t pid;
    int rc = 0, null;

    if (asprintf(&data, "%s/data.mdb", directory) < 0)
        return -ENOMEM;
    /* What LMDB made and had no time to write to is empty. */
    if (stat(data, &st) || st.st_size == 0)
        rc = -ENOENT;
    free(data);
    if (rc)
        return rc;
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid > 0)
        return wait_for(pid);
    /* If the process is killed meanwhile, its lock is not to live on with
     * us. */
    close_range(STDERR_FILENO + 1, ~0u, 0);
    for (i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
        signal(crashes[i], SIG_DFL);
    /* LMDB prints what it asserts. */
    null = open("/dev/null", O_WRONLY);
    if (null >= 0)
        dup2(null, STDERR_FILENO);
    _exit(verdict_of(walk(directory, check)));
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path) && errno != ENOENT;
}

/* Renamed first: whoever comes now finds nothing, not half of it. */
static int discard(const char *directory)
{
    char *away;
    int rc = 0;

    if (asprintf(&away, "%s.discarded-%ld", directory, (long)getpid()) < 0)
        return -ENOMEM;
    if (rename(directory, away))
        rc = -errno;
    else
        nftw(away, remove_one, 4, FTW_DEPTH | FTW_PHYS);
    free(away);
    return rc;
}

/* One at a time looks and replaces, so that none replaces what another one
 * has just made.  The lock's file is beside the directory. */
static int lock_directory(const char *directory)
{
    char *path;
    int fd;

    if (asprintf(&path, "%s.lock", directory) < 0)
        return -ENOMEM;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, MODE);
    free(path);
    if (fd < 0)
        return -errno;
    while (flock(fd, LOCK_EX))
        if (errno != EINTR) {
            close(fd);
            return -EIO;
        }
    return fd;
}

static int open_writable(struct store **s_r, const char *directory,
                         const struct store_options *opt, store_check *check)
{
    int fd = lock_directory(directory), rc;

    if (fd < 0)
        return fd;
    rc = store_verify(directory, check);
    if (rc == -EUCLEAN || rc == -EPROTONOSUPPORT) {
        log_warn("%s: the index %s; it is begun anew", directory,
                 rc == -EUCLEAN ? "is damaged" : "has another format");
        rc = discard(directory);
    }
    if (!rc || rc == -ENOENT)
        rc = mkdir(directory, 0700) && errno != EEXIST ? -errno : 0;
    if (!rc)
        rc = open_sound(s_r, directory, opt);
    close(fd);
    return rc;
}

int store_open(struct store **s_r, const char *directory,
               const struct store_options *opt, store_check *check)
{
    int rc;

    if (!opt->read_only)
        return open_writable(s_r, directory, opt, check);
    rc = store_verify(directory, check);
    if (rc == -EPROTONOSUPPORT)
        rc = -EUCLEAN;
    return rc ? rc : open_sound(s_r, directory, opt);
}

/* Transactions */

/* Another process has made the map larger. */
static void adopt_map(struct store *s)
{
    pthread_rwlock_wrlock(&s->lock);
    mdb_env_set_mapsize(s->env, 0);
    pthread_rwlock_unlock(&s->lock);
}

/* Returns with the lock held for reading if it succeeds. */
static int begin(struct store *s, unsigned flags, MDB_txn **t_r)
{
    unsigned tries;
    int rc = 0, dead;

    for (tries = 0; tries < 8; tries++) {
        pthread_rwlock_rdlock(&s->lock);
        rc = mdb_txn_begin(s->env, NULL, flags, t_r);
        if (!rc)
            return 0;
        pthread_rwlock_unlock(&s->lock);
        if (rc == MDB_MAP_RESIZED)
            adopt_map(s);
        else if (rc != MDB_READERS_FULL ||
                 mdb_reader_check(s->env, &dead) || !dead)
            break;
    }
    return store_code(rc);
}

int store_read(struct store *s, MDB_txn **t_r)
{
    return begin(s, MDB_RDONLY, t_r);
}

void store_read_end(struct store *s, MDB_txn *t)
{
    mdb_txn_abort(t);
    pthread_rwlock_unlock(&s->lock);
}

static int grow(struct store *s)
{
    MDB_envinfo info;
    int rc;

    pthread_rwlock_wrlock(&s->lock);
    rc = mdb_env_info(s->env, &info);
    if (!rc)
        rc = mdb_env_set_mapsize(s->env, 2 * info.me_mapsize);
    pthread_rwlock_unlock(&s->lock);
    return store_code(rc);
}

static int write_once(struct store *s, store_body *body, void *opaque)
{
    MDB_txn *t;
    int rc;

    rc = begin(s, 0, &t);
    if (rc)
        return rc;
    rc = body(s, t, opaque);
    if (rc)
        mdb_txn_abort(t);
    else
        rc = store_code(mdb_txn_commit(t));
    pthread_rwlock_unlock(&s->lock);
    return rc;
}

int store_write(struct store *s, store_body *body, void *opaque)
{
    int rc;

    if (s->read_only)
        return -EROFS;
    for (;;) {
        rc = write_once(s, body, opaque);
        if (rc != MDB_MAP_FULL)
            break;
        rc = grow(s);
        if (rc)
            break;
    }
    return rc == MDB_TXN_FULL ? -ENOBUFS : rc;
}

/* Not mdb_env_info()'s: that is ahead of what a reader sees, for as long as
 * the last page of a commit takes to be written. */
uint64_t store_generation(struct store *s)
{
    uint64_t generation;
    MDB_txn *t;

    if (store_read(s, &t))
        return 0;
    generation = mdb_txn_id(t);
    store_read_end(s, t);
    return generation;
}
