/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk of the target while it is being rebuilt: private to receiver.c,
 * bulk.c, recipe.c, blocklist.c, pass.c, delta.c and witness.c.
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
#include "plugin/target/destination.h"
#include "plugin/target/reference.h"
#include "plugin/wire/wire.h"

struct delta_round;
struct index_adding;
struct listing;
struct version;
struct versions;
struct readback;
struct stray;
struct scatter;

/* An object as the source described it. */
struct wire_object {
    uint8_t digest[PROTO_SHORT_DIGEST];
    enum proto_kind kind;
    atomic_bool settled;            /* nothing more of it is expected */
    uint64_t size;
    uint32_t first_extent;          /* in the batch's extents */
    uint32_t n_extents;
    struct version *version;        /* recipe.c, engine thread only */
};

/* The objects of one MANIFEST frame.  Does not move while threads use it. */
struct batch {
    struct target_disk *disk;
    uint64_t first;
    uint32_t count;
    struct wire_object *objects;
    struct fsparse_extent *extents;
};

struct target_disk {
    uint16_t number;
    char *vdev;
    char *path;                     /* here, of destination_resolve() */
    char *named;                    /* as the user has it */
    char *base;                     /* last component at the source */
    char **ids;                     /* storage behind the source's device */
    size_t n_ids;
    char *probe;
    struct index_adding *adding;    /* index_disk.c, or NULL */
    bool indexed;
    struct listing *known_list;     /* NULL before the disk is accepted */
    bool lists;                     /* the source has one, of this digest: */
    uint8_t offered_list[HASH_BYTES];
    bool shared;                    /* if dry: the source's file is this */
    uint64_t size;
    struct destination dest;
    bool accepted;
    bool placed;
    bool dry;                       /* nothing is to be written */
    bool doubtful;                  /* a device that may be the source's own
                                       (witness.c) */
    uint8_t mark_key[32];           /* for what is told of it then */

    /* Borrowed from the session. */
    struct wire *wire;
    struct threadpool *pool;
    struct references *references;
    atomic_size_t *blocks_left;     /* that blocklist.c may still look for, in
                                       all disks */

    /* Rebuild. */
    atomic_uchar *touched;          /* by segment: written by the rebuild, and
                                       not read back since */
    struct readback *readback;      /* readback.c, or NULL */
    struct batch **batches;         /* engine thread only */
    size_t n_batches;
    uint64_t n_objects;
    uint64_t n_extents;
    bool listing;                   /* MANIFEST was there */
    bool listed;                    /* MANIFEST_END was there */
    bool bulk_done;
    struct {                        /* where DATA goes on */
        const struct batch *batch;
        uint64_t number;
        uint32_t extent;
        uint64_t done;              /* bytes of that extent */
        uint64_t total;             /* bytes of all extents */
    } position;

    struct versions *versions;      /* recipe.c */

    pthread_mutex_t lock;           /* covers what follows */
    uint64_t pending;               /* objects, and one for the open manifest
                                       and each batch not looked up */
    uint64_t searching;             /* the same, but those that recipe.c or
                                       blocklist.c has do not count */
    struct scatter *scatter;        /* blocklist.c */
    uint64_t *wants;
    size_t n_wants;
    uint64_t *lefts;                /* if dry: for LEFT */
    size_t n_lefts;
    int error;

    /* Check (engine thread only). */
    uint64_t n_segments;
    struct segment_digest *expected;
    struct segment_digest *own;
    uint8_t *flags;                 /* SEGMENT_... */
    bool comparing;                 /* before the manifest: nothing is named */
    bool unsynced;                  /* something was written */
    struct delta_round *round;      /* delta.c */
};

/* bulk.c: from the manifest to a complete bulk copy.  Each takes a frame
 * of its kind.  -EPROTO if the source breaks the protocol. */
int rebuild_compared(struct target_disk *d);
int rebuild_manifest(struct target_disk *d, const struct frame *f);
int rebuild_manifest_end(struct target_disk *d, const struct frame *f);
int rebuild_data(struct target_disk *d, const struct frame *f);
int rebuild_data_end(struct target_disk *d);
void rebuild_release(struct target_disk *d);

/* For recipe.c.  The object of that number and its batch, or NULL. */
struct wire_object *rebuild_object(const struct target_disk *d,
                                   uint64_t number,
                                   const struct batch **b_r);
/* Whether nothing is at the destination yet where the object belongs. */
bool rebuild_place_is_empty(const struct batch *b,
                            const struct wire_object *o);
/* An object's content on its way to its place, in order. */
struct copy {
    struct target_disk *disk;
    const struct wire_object *object;
    const struct fsparse_extent *extents;
    uint32_t next;              /* first extent that may still be touched */
    struct digest state;
};
void rebuild_copy_begin(struct copy *c, const struct batch *b,
                        const struct wire_object *o);
int rebuild_copy(void *copy, const void *data, size_t length,
                 uint64_t logical);
bool rebuild_copy_is(struct copy *c,
                     const uint8_t digest[PROTO_SHORT_DIGEST]);
/* Asks for an object, whole. */
int rebuild_want(struct target_disk *d, uint64_t number);
/* For a dry run: says that the object is left to the passes. */
int rebuild_left(struct target_disk *d, const struct batch *b,
                 const struct wire_object *o);
/* Sends what is to be asked for and waits for company. */
int rebuild_flush_wants(struct target_disk *d);
/* There is nothing more to be done for an object; rc: or it failed. */
void rebuild_finish(struct target_disk *d, int rc);

/*
 * recipe.c: what is not found by its digest is made of another version of
 * the file, which has the same name in a reference.  An object that is handed
 * to versions_ask() ends in rebuild_finish().
 */
bool versions_help(const struct target_disk *d, const struct wire_object *o);
int versions_ask(struct target_disk *d, uint64_t number);
/* With the lock held: asks for the names of what waits for company. */
int versions_flush(struct target_disk *d);
/* Before the first recipe that no name was asked for. */
int versions_prepare(struct target_disk *d);
int versions_names(struct target_disk *d, const struct frame *f);
int versions_recipe(struct target_disk *d, const struct frame *f);
void versions_release(struct target_disk *d);
void version_free(struct version *w);

/*
 * blocklist.c: objects of what no parser understands, which are not found by
 * their digest, are looked for block by block, anywhere in the references.  An
 * object that is handed to scatter_ask() ends in rebuild_finish().
 */
/* false: it is no such object, or cannot be looked for. */
bool scatter_ask(struct target_disk *d, const struct wire_object *o,
                 uint64_t number);
/* With the lock held: no more objects will be handed over. */
int scatter_begin(struct target_disk *d);
/* Takes a BLOCKLIST. */
int scatter_blocklist(struct target_disk *d, const struct frame *f);
/* The object, if HELD was sent for it and this was not asked before. */
const struct stray *scatter_take(struct target_disk *d, uint64_t number);
/* Reads what is held of it, from the references.  -EPROTO: not all of that
 * is.  In what cannot be read something is wrong: the digest will tell. */
int scatter_read(struct target_disk *d, const struct stray *s, void *data,
                 size_t length, uint64_t offset);
void scatter_release(struct target_disk *d);

/* Notes that bytes of the destination are no longer what was hashed. */
void rebuild_touch(struct target_disk *d, uint64_t offset, uint64_t length);

#endif
