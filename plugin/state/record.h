/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records of the disks that were received here or left here: the knowledge
 * that a file or device is an earlier copy of a certain disk, and therefore
 * may be replaced by a newer one (design rule 7).
 *
 * A record names the disk (guest's UUID and vdev), the path, and what the
 * copy looked like: its stamp (image/stamp.h), and the digest of a device,
 * which is known by that also after the host was started anew.  If anybody has
 * written to the copy since then it is something else, and the record no longer
 * speaks for it.
 *
 * What a failed try left on a device has no digest, and is known by its stamp
 * alone.  So is what the admin allowed to be overwritten.  Where that proves
 * nothing any more, because the helper was killed or the host was started anew,
 * the admin is asked.
 *
 * Whoever the guest is and where its disk lies anybody can say.  So a copy
 * counts as known only with a peer that has shown its secret (secret.h), which
 * is part of the record; a record without one, of a version before, is shown by
 * nobody.
 *
 * Each is a file of its own (record_file.h), and this host's own word; one
 * that is damaged is as good as none.
 *
 * All functions return 0 or a negative errno, unless they say otherwise.
 */
#ifndef PLUGIN_STATE_RECORD_H
#define PLUGIN_STATE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/base/digest.h"
#include "plugin/image/image.h"
#include "plugin/state/record_file.h"
#include "plugin/state/secret.h"

/* With whom a copy, or what will be one, may be compared. */
struct claim {
    struct secret own;
    struct secret older;        /* of the copy that it is made over, which also
                                   shows it: the answer that told of `own` may
                                   have been lost */
    bool foreign;               /* a device that still has what is from neither
                                   of them */
    bool unfinished;            /* only said by record_check(): of a device that
                                   a failed try has begun to write to */
};

/* Writes the record of an image as it is now.  role: one of RECORD_...; root:
 * the digest (segments_root()), or NULL if there is none; claim: NULL for one
 * that nobody can show.  Logs failure. */
int record_write(const char *state_dir, const struct record_key *key,
                 const char *role, const struct image *img,
                 const uint8_t root[HASH_BYTES], const struct claim *claim);

/* Notes that the file img, as it is now, is about to be renamed to the path.
 * The record stays, and may speak of a copy that is there; until the next
 * record_write() both are known, so that a crash in between does no harm.  Logs
 * failure. */
int record_intend(const char *state_dir, const struct record_key *key,
                  const struct image *img, const struct claim *claim);

/* Notes that a device is about to be overwritten by this disk: from now on,
 * until it is complete, it is nobody's good copy.  For the next try to go on
 * with it record_renew() is to be called when the last of this one has
 * reached the device.  Uses up what record_allow() noted. */
int record_begin(const char *state_dir, const struct record_key *key,
                 const struct image *img, const struct claim *claim);

/* Writes RECORD_RECEIVING again, of the device as it is now; the claim is the
 * one of record_begin(). */
int record_renew(const char *state_dir, const struct record_key *key,
                 const struct image *img);

/* Removes what record_allow() noted of a path: what is there now came by it. */
void record_use_up(const char *state_dir, const char *path);

/* Notes that the admin allows the device or file at path, as it is now, to be
 * overwritten, once, by whatever disk comes first.  Logs failure; -EOPNOTSUPP,
 * if it could not be known what "now" is. */
int record_allow(const char *state_dir, const char *path,
                 const struct image *img);

/* Whether the peer has shown a secret of the record of a staging file; then
 * *claim_r is what the record says. */
bool record_shown(const char *state_dir, const struct record_key *key,
                  const struct proofs *shown, struct claim *claim_r);

/* Removes what records say of a staging file at this path: it will be another
 * one's. */
void record_forget_staging(const char *state_dir, const char *path);

/* Removes a record; one that is not there is no error. */
void record_remove(const char *state_dir, const struct record_key *key);

/* A record as it was written. */
struct record {
    const char *uuid;
    const char *vdev;
    const char *path;
    const char *role;
    int64_t time;               /* seconds since 1970 */
    uint64_t size;
};

/* Roles. */
#define RECORD_RECEIVED "received"
#define RECORD_LEFT "left"
#define RECORD_UNFINISHED "unfinished"  /* path is the staging file */
#define RECORD_RECEIVING "receiving"    /* path is a device */
#define RECORD_ALLOW "allowed"

/* Calls each() for every record until it returns non-zero, and returns that.
 * Damaged records are skipped with a warning; one that cannot be read is an
 * error, logged.  each() may remove it. */
int record_list(const char *state_dir,
                int (*each)(void *opaque, const struct record *r),
                void *opaque);

enum record_match {
    RECORD_NONE,            /* no record */
    RECORD_SECRETLESS,      /* a record that has no secret */
    RECORD_UNPROVEN,        /* one whose secret was not shown */
    RECORD_CHANGED,         /* a record, but the copy was written to since */
    RECORD_UNSURE,          /* a failed try began to write to it, and nothing
                               tells that nobody else did since */
    RECORD_SAME,            /* a known copy, unchanged */
    RECORD_ALLOWED,         /* the admin said so */
};

/* Compares img with the record alone, whoever has a secret of it: what is told
 * goes to the admin of this host.  RECORD_NONE also if it cannot be read. */
enum record_match record_compare(const char *state_dir,
                                 const struct record_key *key,
                                 const struct image *img);

/* Compares img with the record, and with what record_allow() noted.  For a
 * device whose secret was shown its digest is computed, which reads all of it.
 * *claim_r is what the record says if its secret was shown, else nothing.  What
 * cannot be read is logged, and taken for none: nothing is overwritten then. */
enum record_match record_check(const char *state_dir,
                               const struct record_key *key,
                               const struct image *img,
                               const struct proofs *shown,
                               struct claim *claim_r);

#endif
