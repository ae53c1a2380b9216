/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copies of content that this host holds, to the destination.
 *
 * Where both lie on one file system that can share blocks, they are shared
 * (FICLONERANGE): that saves the writing and the space.  The content check is
 * as strict as for a copy: blocks are shared first and then read from the
 * destination, so what a guest writes to the reference meanwhile does not get
 * past it.  copy_file_range() is not used: the content has to be read anyway.
 */
#ifndef PLUGIN_TARGET_LOCAL_COPY_H
#define PLUGIN_TARGET_LOCAL_COPY_H

#include "plugin/index/basis.h"
#include "plugin/target/destination.h"

/*
 * Hands over the basis's content in order: to copy() what is still to be
 * brought to where the extents (ascending by logical) say, to check() what is
 * there already.  Returns the first non-zero value of these, or -EIO or
 * -ENOMEM.
 */
int local_copy(const struct destination *d, const struct basis *h,
               const struct fsparse_extent *extents, size_t n,
               object_sink *copy, object_sink *check, void *opaque);

#endif
