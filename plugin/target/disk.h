/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk of the target on its way: what more than one module of this folder
 * writes or needs to know.  What belongs to one module alone is a structure
 * that only this module knows.
 *
 * Everything is the engine thread's but for what `lock` covers, what is atomic,
 * and what stands still while threads of the pool work on the disk (from the
 * first batch of objects on: who and where it is, dest.path, size, dry).
 */
#ifndef PLUGIN_TARGET_DISK_H
#define PLUGIN_TARGET_DISK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "plugin/base/digest.h"
#include "plugin/base/threadpool.h"
#include "plugin/content/segment.h"
#include "plugin/proto.h"
#include "plugin/state/host_secret.h"
#include "plugin/target/destination.h"
#include "plugin/target/reference.h"
#include "plugin/wire/wire.h"

struct blocklist;
struct budget;
struct bulk_position;
struct delta_round;
struct digest_table;
struct index_adding;
struct listing;
struct monitor;
struct objects;
struct readback;
struct recipes;
struct want;

/* What a session may still be told of references, in all disks and in dry runs
 * as well: it is counted before it is told, and what is beyond is wanted whole.
 * docs/security.md says what it comes to. */
struct told {
    uint8_t secret[HOST_SECRET_BYTES];  /* of this host */
    bool proven;                    /* a file is described only if the source
                                       shows another version, under this key: */
    uint8_t proof_key[PROTO_SIGNATURE_KEY];
    atomic_size_t signatures;       /* bytes */
    atomic_size_t wrong;            /* recipes that come out wrong */
    atomic_size_t listed;           /* blocks that are looked up */
};

struct target_disk {
    /* Who it is: offer.c. */
    uint16_t number;
    char *vdev;
    char *path;                     /* here, of destination_resolve() */
    char *named;                    /* as the user has it */
    char *base;                     /* last component at the source */
    char *source_path;              /* and all of it */
    struct proofs shown;
    struct secret passed[PROTO_PROOFS_MAX + 1]; /* that came along, and room for
                                       the disk's own */
    unsigned n_passed;
    char **ids;                     /* of the storage of the source's device */
    size_t n_ids;
    char *probe;
    struct listing *known_list;     /* NULL before the disk is accepted */
    bool lists;                     /* the source has one, of this digest: */
    uint8_t offered_list[HASH_BYTES];
    char *stamp;                    /* if dry: of the source's file (stamp.h);
                                       or NULL */
    bool dry;                       /* nothing is to be written */
    uint64_t size;                  /* bytes */
    struct destination dest;

    /* Borrowed from the session. */
    struct wire *wire;
    struct monitor *monitor;        /* NULL: we may do all ourselves */
    struct threadpool *pool;
    struct references *references;
    struct budget *budget;
    atomic_size_t *blocks_left;     /* that blocklist.c may still look for, in
                                       all disks */
    struct told *told;

    /* How far it has come. */
    bool accepted;
    bool comparing;                 /* before the manifest: nothing is named */
    bool listing;                   /* MANIFEST was there */
    bool listed;                    /* MANIFEST_END was there */
    bool bulk_done;
    bool placed;
    bool doubtful;                  /* a device that may be the source's own
                                       (witness.c) */
    uint8_t mark_key[32];           /* for what is told of it then */
    atomic_int error;               /* the first one; disk_fail() */

    /* Segments: segments.c makes these when the disk is accepted. */
    uint64_t n_segments;
    struct digest_table *expected;
    struct digest_table *own;
    uint8_t *flags;                 /* SEGMENT_... */
    bool unsynced;                  /* something was written by the passes */
    atomic_uchar *touched;          /* place.c: written by the bulk copy, and
                                       not read back since */

    /* Of one module each, or NULL. */
    struct objects *objects;
    struct bulk_position *position;
    struct readback *readback;
    struct recipes *recipes;
    struct delta_round *round;
    struct index_adding *adding;    /* index_disk.c */
    char *index_name;               /* when it is placed: what it is called in
                                       the index, or NULL, */
    struct stamp index_stamp;       /* and as what */

    pthread_mutex_t lock;           /* covers what want.c, names.c,
                                       signature_queue.c and blocklist.c say */
    struct want *want;              /* made before threads work on the disk */
    struct blocklist *blocklist;    /* the pointer as well is covered */
};

/* Notes that the disk cannot be completed; rc 0 or negative.  The first error
 * stays.  Any thread. */
static inline void disk_fail(struct target_disk *d, int rc)
{
    int none = 0;

    if (rc)
        atomic_compare_exchange_strong(&d->error, &none, rc);
}

#endif
