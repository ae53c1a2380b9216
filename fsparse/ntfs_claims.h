/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ntfs_claims: which clusters of a volume have an owner.
 */
#ifndef FSPARSE_NTFS_CLAIMS_H
#define FSPARSE_NTFS_CLAIMS_H

#include "fsparse/claims.h"
#include "fsparse/ntfs_lib.h"

/* Claims the clusters of every attribute of every record in use: of files,
 * indexes, attribute lists and the volume's own files alike.  A record or an
 * $MFTMirr that is damaged is a doubt. */
void ntfs_claims_walk(ntfs_volume *vol, struct claims *c);

#endif
