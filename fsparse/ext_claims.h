/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ext_claims: what an ext file system does not use, if that is certain.
 */
#ifndef FSPARSE_EXT_CLAIMS_H
#define FSPARSE_EXT_CLAIMS_H

#include "fsparse/emit.h"
#include "fsparse/window.h"

/*
 * Emits the free blocks of the file system in w, or the doubt why it does not.
 * They are free only if e2fsck, too, would find nothing to read or to mend
 * there: the file system was closed cleanly, has nothing to replay, all
 * checksums that it has are right, its bitmaps agree with its counts and with
 * its inodes, and nothing that could be found in it claims them.
 */
void ext_claims_emit_free(struct window *w, struct emit *e,
                          unsigned partition);

#endif
