/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk of the source while it is being sent: private to sender.c, bulk.c,
 * scan.c, pass.c, delta.c, rounds.c and witness.c. */
#ifndef PLUGIN_SOURCE_DISK_H
#define PLUGIN_SOURCE_DISK_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "plugin/base/threadpool.h"
#include "plugin/content/manifest.h"
#include "plugin/content/segment.h"
#include "plugin/image/blockdev.h"
#include "plugin/image/dirty.h"
#include "plugin/image/image.h"
#include "plugin/image/stamp.h"
#include "plugin/match/blockindex.h"
#include "plugin/proto.h"
#include "plugin/source/object_table.h"
#include "plugin/source/prehash.h"
#include "plugin/source/report.h"
#include "plugin/source/reservoir.h"
#include "plugin/source/session.h"
#include "plugin/track/tracker.h"
#include "plugin/wire/inbox.h"
#include "plugin/wire/wire.h"

/* What became of an object that was listed. */
struct wish {
    struct asked *asked;            /* it waits with a sketch, or NULL */
    struct lack *lack;              /* it waits with some blocks, or NULL */
    uint8_t times;                  /* that it was wanted */
    bool waiting;                   /* in the order */
    bool blocks_listed;             /* blocklist.c */
};

#define DOUBT_MAX PROTO_WITNESSES

/* Whether the target's device is this disk's own storage (witness.c). */
struct doubt {
    bool open;                      /* it may be: it is not written to */
    char *there;                    /* its path at the target */
    struct segment_digest *equal;   /* what it had when it was compared, if
                                       nothing differed; else NULL */
    unsigned n;
    uint64_t of[DOUBT_MAX];         /* segments that may tell */
};

struct source_disk {
    uint16_t number;
    char *vdev;
    char *path;
    char *dest;
    struct image image;
    struct stamp stamp;              /* before it was examined */
    struct disk_report report;
    struct doubt doubt;

    struct listing *listing;        /* or NULL */

    /* Bulk copy. */
    pthread_t examiner;             /* if examining: sets the next two */
    bool examining;
    int examined;                   /* what came of it */
    struct fsparse_map *map;        /* until there is a manifest, or NULL */
    struct manifest *manifest;
    struct object_table *objects;   /* by number on the wire */
    struct wish *wishes;            /* by number, while bulk.c serves them */
    uint64_t n_listed;              /* of these; the roster may have grown */
    atomic_uint_fast64_t bytes_wanted;
    atomic_uint_fast64_t bytes_sent;
    double bulk_start;

    /* Passes. */
    bool base;                      /* the target has something to begin with */
    struct segment_digest *sent;    /* digest last sent, by segment */
    uint64_t n_segments;
    uint64_t left;                  /* segments not verified by the target */
    uint64_t round_segments;        /* sent in this round */
    uint64_t pass_start;            /* of these, before this pass */
    uint64_t round_bytes;           /* of content, in this round */
    struct prehash *prehash;        /* digests read before the first pass, which
                                       stand as far as nothing was written
                                       since (rounds.c), or NULL */

    /* Writes. */
    bool cold;                      /* nobody should be writing */
    struct tracker *tracker;        /* NULL: not traced */
    struct dirty dirty;             /* to be sent in this round */
    bool cut_short;                 /* the last pass was */
    bool behind;                    /* what is to be sent is not known: the
                                       next round compares all of the disk */
    unsigned whole_rounds;          /* that have compared all of the disk */
    bool settled;                   /* the target was equal, suspended */
    struct write_stamp settled_stamp; /* then, if not traced */
    struct write_stamp prehash_stamp; /* before that was read, if not traced */

    /* A dry run (dry_run.c): content goes to the samples, not to the wire. */
    bool dry;
    struct reservoir freight;          /* of what would go as freight */
    struct reservoir patches;          /* of what the passes would send */
    struct dirty left_blocks;       /* blocks that are for the passes */
    uint64_t bytes_unlisted;        /* in objects that no list has */
    uint64_t digests;               /* of segments, that the passes list */

    bool marked;                    /* placed, and then it was like this: */
    struct stamp placed_stamp;
};

/* The object of a number on the wire, which is one of the roster. */
static inline const struct object *source_object(const struct source_disk *d,
                                                 uint64_t number)
{
    return object_table_get(d->objects, number);
}

/* The bulk copy of a disk (bulk.c). */
int bulk_run(const struct session *s, struct source_disk *d);

/* Tells the target all segments' digests before the manifest, so that it
 * knows what of its earlier content is right. */
int pass_compare(const struct session *s, struct source_disk *d);

/*
 * One pass over a disk.  full: all segments are read, and those that are not
 * what was last sent are announced; otherwise the target only checks what was
 * sent before.  What it says differs is sent at once.  *left_r: number of
 * segments that the target has not verified yet.  Sets d->cut_short.
 */
int pass_run(const struct session *s, struct source_disk *d, bool full,
             uint64_t *left_r);
/* The same, whatever is in doubt; for witness.c. */
int pass_once(const struct session *s, struct source_disk *d, bool full,
              uint64_t *left_r);

/*
 * witness.c: while it is in doubt whether the target's device is another
 * storage, nothing may be sent that is to be written there.  Each of these
 * returns 0, and nothing is in doubt any more, or what there was to be sent is
 * there already; -EEXIST (logged): it is the same storage; or another error.
 */
/* Before the manifest, and after the comparison if there was one. */
int witness_begin(const struct session *s, struct source_disk *d);
/* Before what is dirty in d->dirty is sent. */
int witness_dirty(const struct session *s, struct source_disk *d);
/* After a pass, in which nothing was answered; *left_r as of pass_run(). */
int witness_pass(const struct session *s, struct source_disk *d,
                 uint64_t *left_r);
/* Notes a segment that may tell, while there is a doubt. */
void witness_doubt(struct source_disk *d, uint64_t number);

/* A dry run's pass, after a comparison: of what the target describes, the
 * blocks that are left to the passes and differ go to d->patches. */
int pass_rehearse(const struct session *s, struct source_disk *d);

/* Freight of the bulk copy: goes on the wire, or to the sample of a dry run. */
int rehearse_freight(const struct session *s, struct source_disk *d,
                     uint16_t type, const struct buf *b);
/* Before content is read for it: whether that is necessary. */
bool rehearse_reads(struct source_disk *d);
/* Takes a LEFT frame. */
int rehearse_left(struct source_disk *d, const struct frame *f);
/* The bulk copy and the pass of a dry run. */
int rehearse_disk(const struct session *s, struct source_disk *d);
/* Counts what the lists do not tell, while there is a manifest. */
int rehearse_lists(struct source_disk *d);

/* Sends what is dirty in d->dirty, and has it verified (delta.c).  The target
 * must have verified all before.  -EAGAIN: not all was sent, because something
 * did not arrive well. */
int delta_send(const struct session *s, struct source_disk *d);

/*
 * rounds.c.  A disk is traced from rounds_track() on, which must come before
 * its first byte is read; if it cannot be, the admin is told why, and it is
 * compared as a whole instead.
 */
/* ring: bytes of the trace buffer of a processor, 0: the default. */
void rounds_track(struct source_disk *d, size_t ring);
/* The comparison before the manifest, if there is to be one. */
int rounds_compare(const struct session *s, struct source_disk *d);
/* The hashing of segments ahead of the first pass, where every write that comes
 * after the call will be known: d->prehash is for what is read from now on, or
 * NULL; and what is not known then is read, until prehash_stop(d->prehash). */
void rounds_expect_prehash(const struct session *s, struct source_disk *d);
void rounds_prehash(const struct session *s, struct source_disk *d);
/* Rounds until little is left, or it does not get less. */
int rounds_catch_up(const struct session *s, struct source_disk *d);
/* One round, while the guest runs. */
int rounds_run(const struct session *s, struct source_disk *d);
/* The last round, after the guest was suspended. */
int rounds_settle(const struct session *s, struct source_disk *d);
/* Whether nothing was written since. */
bool rounds_unchanged(struct source_disk *d);

#endif
