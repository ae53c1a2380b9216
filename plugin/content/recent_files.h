/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of an image that its guest changed last: a host that holds an
 * earlier state of it, or another installation, most likely lacks these.
 */
#ifndef PLUGIN_CONTENT_RECENT_FILES_H
#define PLUGIN_CONTENT_RECENT_FILES_H

#include "plugin/content/manifest.h"

/*
 * Lists the files of m that changed last and have content in the image: `most`
 * of them, or as many as have no more than `bytes` together; one that is too
 * large for that is passed over.  *files_r: *n_r indices into
 * m->files in the order of the disk, for free().  0 or -ENOMEM.
 */
int recent_files(const struct manifest *m, size_t most, uint64_t bytes,
                 uint32_t **files_r, size_t *n_r);

#endif
