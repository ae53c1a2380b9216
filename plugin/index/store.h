/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Store: the LMDB file below the index, its tables, and its health.
 *
 * LMDB was chosen because a look-up is a walk through mapped pages (nothing is
 * read ahead of time, nothing is kept in this process's heap), because its
 * commits survive a crash at any point without a log to be replayed, and
 * because any number of processes may read while one writes.  What it does not
 * do is doubt its own pages: a damaged file can make it crash.  So a store is
 * walked through completely by a child before it is opened, and one that does
 * not survive that, or has another format, is replaced by an empty one.  It is
 * only a cache: all it says is checked against content when it is used.
 *
 * A process opens a store at most once (LMDB's locks are per process), any
 * number of its threads may read, one writes at a time.
 */
#ifndef PLUGIN_INDEX_STORE_H
#define PLUGIN_INDEX_STORE_H

#include <lmdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_FORMAT 4u             /* of keys and values: index_record.h */

/* Tables.  STORE_HASHES and what follows it have many values of 8 bytes per
 * key. */
enum store_table {
    STORE_FORMATS,                  /* "format", "next" -> u32 */
    STORE_IMAGES,
    STORE_OBJECTS,
    STORE_HASHES,
    STORE_PATHS,
    STORE_VERSIONS,
    STORE_TABLES
};

struct store;

struct store_options {
    bool read_only;                 /* -ENOENT if there is none */
    size_t map_bytes;               /* to begin with; 0: a default */
};

/* Visits every record, in a child, and doubts all of it: 0, or -EUCLEAN if one
 * is damaged.  Must not log. */
typedef int store_check(struct store *s, MDB_txn *t);

/* Opens the store in a directory, which is created if its parent exists, after
 * check has found it sound.  Nothing is logged but that a store had to be
 * replaced.  0 and what store_close() takes, or a negative errno: -EUCLEAN, if
 * it is damaged or of another format, and read_only. */
int store_open(struct store **s_r, const char *directory,
               const struct store_options *opt, store_check *check);
void store_close(struct store *s);      /* may be NULL */

/* What store_open() finds: 0 if the store there is sound, -ENOENT, -EUCLEAN if
 * it is damaged, -EPROTONOSUPPORT if it has another format. */
int store_verify(const char *directory, store_check *check);

/* Begins a transaction that reads a snapshot; to be ended soon, since it keeps
 * old pages alive.  0 or a negative errno. */
int store_read(struct store *s, MDB_txn **t_r);
void store_read_end(struct store *s, MDB_txn *t);

/* The number of the last commit that a reader sees: changes when there is
 * something new. */
uint64_t store_generation(struct store *s);

/* Runs body in a transaction that is committed if it returns 0.  It runs
 * again from its start if the map was too small, so it must not count on
 * having run once; it returns store_code(...) of what LMDB said. */
typedef int store_body(struct store *s, MDB_txn *t, void *opaque);
int store_write(struct store *s, store_body *body, void *opaque);

/* The handle of a table, for LMDB's functions. */
MDB_dbi store_dbi(const struct store *s, enum store_table table);

/* Turns LMDB's codes into negative errnos: -ENOENT for not found, -EUCLEAN for
 * damage.  Full maps stay what they are. */
int store_code(int mdb);

#endif
