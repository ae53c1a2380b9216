/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ntfs_names: paths of MFT records, from their $FILE_NAME attributes.
 *
 * A file's record names its parent directory; directories' names are looked
 * up when a path needs them first, and kept.  A reference to a record that is
 * not that directory any more, a loop, or a path that gets too long yield
 * "<record>" instead.
 */
#ifndef FSPARSE_NTFS_NAMES_H
#define FSPARSE_NTFS_NAMES_H

#include <stdbool.h>

#include "fsparse/ntfs_lib.h"

struct ntfs_names;

/* n_records: of the MFT.  NULL without memory. */
struct ntfs_names *ntfs_names_new(ntfs_volume *vol, uint64_t n_records);

/* The path of an open record; true if it has one. */
bool ntfs_names_path(struct ntfs_names *names, ntfs_inode *ni, char *buf,
                     size_t size);

/* UTF-8 of UTF-16 (lone surrogates as if they were characters); buf is
 * terminated.  False: too long, or with a NUL or a slash in it. */
bool ntfs_names_utf8(const void *utf16, size_t length, char *buf,
                     size_t size);

void ntfs_names_free(struct ntfs_names *names);

#endif
