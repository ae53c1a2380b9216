/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hashes of what NTFS-compressed files hold for the guest, for commands that
 * compare images by content.  (The manifest has the stored bytes: those are
 * what a migration moves.)
 */
#ifndef PLUGIN_CONTENT_DECOMPRESSED_H
#define PLUGIN_CONTENT_DECOMPRESSED_H

#include "plugin/content/manifest.h"

struct decompressed {
    uint32_t file;              /* index into map->files */
    bool known;                 /* it could be read; else the rest is unset */
    bool zero;                  /* as in struct object */
    uint64_t size;
    uint8_t hash[HASH_BYTES];
};

struct decompressed_list {
    struct decompressed *items; /* every compressed file, by file */
    size_t n;
};

/* Reads the compressed files of m's image, with parsers and threads of their
 * own (threads: as in manifest_options).  What cannot be read is not known,
 * and logged.  Returns 0 and a list for decompressed_release(), or a negative
 * errno, logged. */
int decompressed_read(struct decompressed_list *list, const struct manifest *m,
                      unsigned threads);

/* Finds what a file (an index into map->files) holds; it lives as long as the
 * list.  NULL: the file is not compressed, or what it holds is not known. */
const struct decompressed *
decompressed_find(const struct decompressed_list *list, uint32_t file);

void decompressed_release(struct decompressed_list *list);

#endif
