/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ntfs_plain: what NTFS-compressed streams hold for the guest.
 */
#ifndef FSPARSE_NTFS_PLAIN_H
#define FSPARSE_NTFS_PLAIN_H

#include "fsparse/emit.h"
#include "fsparse/ntfs_lib.h"
#include "fsparse/record.h"
#include "fsparse/window.h"

struct ntfs_want {
    uint32_t number;
    uint64_t record;            /* of the MFT */
    uint64_t most;              /* a larger one is not wanted */
    char stream[RECORD_STRING_MAX + 1];
};

/* Emits the stream, up to where it cannot be read; nothing if there is no
 * such compressed stream. */
void ntfs_plain(ntfs_volume *vol, struct window *w, struct emit *e,
                const struct ntfs_want *want);

#endif
