/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk of the source while it is being sent.  Here is what several modules
 * of source/ use of it; what belongs to one module is opaque, and that module
 * makes and frees it.
 *
 * One thread at a time serves a disk (sender.c).  While the bulk copy runs,
 * the threads of the scan (scan.h) read and list it as well: they share the
 * manifest, the table of objects and the atomic counters with that thread, and
 * are ended before the passes begin.
 */
#ifndef PLUGIN_SOURCE_DISK_H
#define PLUGIN_SOURCE_DISK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "plugin/content/manifest.h"
#include "plugin/content/segment.h"
#include "plugin/image/dirty.h"
#include "plugin/image/image.h"
#include "plugin/image/stamp.h"
#include "plugin/proto.h"
#include "plugin/source/object_table.h"
#include "plugin/source/prehash.h"
#include "plugin/source/report.h"
#include "plugin/state/keyring.h"
#include "plugin/track/tracker.h"

struct blocklist;                   /* blocklist.h */
struct doubt;                       /* doubt.h */
struct examination;                 /* sender.c */
struct listing;                     /* plugin/wire/listing.h */
struct output;                      /* output.h */
struct rounds;                      /* rounds.h */

struct source_disk {
    uint16_t number;
    char *vdev;
    char *path;
    char *dest;                     /* path at the target, or NULL */
    struct image image;
    struct stamp stamp;             /* before it was examined */
    struct disk_report report;
    struct listing *listing;        /* or NULL */
    bool proves;                    /* the target wants to be shown files: */
    uint8_t proof_key[PROTO_SIGNATURE_KEY];
    struct keyring keyring;         /* of copies at other hosts, from the offer
                                       on */
    struct secret secret;           /* of the copy that is made now */
    bool replaces;                  /* a copy, whose secret has this name: */
    uint8_t replaced[PROTO_SECRET_NAME];

    /* What belongs to one module. */
    struct examination *examination;
    struct output *output;          /* NULL: this is no dry run */
    struct blocklist *blocklist;    /* NULL: no blocks were listed */
    struct doubt *doubt;            /* NULL: the target's device is known to be
                                       another storage */
    struct rounds *rounds;

    /* The bulk copy. */
    struct fsparse_map *map;        /* what the examination has found, until
                                       there is a manifest; or NULL */
    struct manifest *manifest;
    struct object_table *objects;   /* by their numbers on the wire */
    atomic_uint_fast64_t bytes_wanted;
    atomic_uint_fast64_t bytes_sent;
    uint64_t bytes_unlisted;        /* in objects that no list has (scan.c) */
    uint64_t digests;               /* of segments that the passes would list
                                       (dry_run.c) */

    /* Passes and rounds. */
    bool base;                      /* the target has something to begin with */
    struct segment_digest *sent;    /* digest last sent, by segment */
    uint64_t n_segments;
    uint64_t round_segments;        /* that were named in this round */
    uint64_t round_bytes;           /* of content, sent in this round */
    struct prehash *prehash;        /* digests read before the first pass, which
                                       stand as far as nothing was written
                                       since (rounds.c), or NULL */

    /* Writes. */
    bool cold;                      /* nobody should be writing */
    struct tracker *tracker;        /* NULL: not traced; set by rounds.c */
    struct dirty dirty;             /* what is to be sent in this round */

    bool marked;                    /* it was placed, and then it was like: */
    struct stamp placed_stamp;
};

/* The object of a number on the wire, which is one of the table. */
static inline const struct object *source_object(const struct source_disk *d,
                                                 uint64_t number)
{
    return object_table_get(d->objects, number);
}

/* Whether content goes to samples instead of the wire. */
static inline bool source_is_dry(const struct source_disk *d)
{
    return d->output;
}

#endif
