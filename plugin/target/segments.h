/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of a disk's segments: what the source expects of each, what the
 * storage gave, and what has been asked for.  The passes (pass.h) and the
 * DELTAs (delta.h) work on it, in the engine thread.
 *
 * A segment counts as verified only if its digest was of bytes read back from
 * the storage and is the one that the source announced, or if it was verified
 * so and was changed only by DELTAs that are verified themselves.
 */
#ifndef PLUGIN_TARGET_SEGMENTS_H
#define PLUGIN_TARGET_SEGMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/target/disk.h"

/* Flags of a segment, in target_disk.flags. */
enum {
    SEGMENT_NAMED = 1,              /* in this pass */
    SEGMENT_PATCHED = 2,            /* and not verified since */
    SEGMENT_WRITTEN = 4,            /* and not brought to the storage yet */
    SEGMENT_DERIVED = 8,            /* was verified, and changed by DELTAs that
                                       are verified since or will be */
    SEGMENT_FOREIGN = 16,           /* may have content that the source has not
                                       shown to know: no hashes of it are told.
                                       Until it is verified or wiped */
};

/* Makes the table for the size of the disk.  0, -ENOMEM or -ENOBUFS; either way
 * segments_release() frees it. */
int segments_init(struct target_disk *d);
void segments_release(struct target_disk *d);

/* All of them are SEGMENT_FOREIGN. */
void segments_are_foreign(struct target_disk *d);

/* Whether the storage gave what was announced of a segment, as far as is known
 * now; whether that stands, the DELTAs since included; of all of them. */
bool segments_agree(const struct target_disk *d, uint64_t number);
bool segments_verified(const struct target_disk *d, uint64_t number);
bool segments_complete(const struct target_disk *d);

/* Hashes what is not known of [first, first + count), from the storage.  0 or a
 * negative errno. */
int segments_hash_own(struct target_disk *d, uint64_t first, uint64_t count);
/* Takes for zero what is not known and is nothing but hole.  0, -ENOMEM or
 * -ENOBUFS. */
int segments_note_own_holes(struct target_disk *d);
/* The digest of all digests, as segments_root() gives it; all are known. */
void segments_own_root(const struct target_disk *d, uint8_t root[HASH_BYTES]);

/* Sends a frame that says no more than the number of a segment: DIFFER asks for
 * all of it, BLOCKS says that it is zero here.  0 or what wire_send() gives. */
int segments_name(struct target_disk *d, uint16_t type, uint64_t number);
/* Asks for a whole segment, unless one of these frames has named it in this
 * pass. */
int segments_name_whole(struct target_disk *d, uint64_t number);

#endif
