/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks as they are attached now. */
#ifndef LIBXLHOOKS_ATTACHED_H
#define LIBXLHOOKS_ATTACHED_H

#include <stdint.h>

#include "libxlhooks/libxl_calls.h"

/* Sends the disks of a running domain.  Returns 0, -EIO if xenstore does not
 * tell what they are, or the negative errno of control_send(); errors have been
 * logged, except -EPIPE. */
int attached_send(int control, uint32_t domid);

/* Sends every disk of every domain of this host as busy, but for empty drives.
 * Returns the same; -EIO: not all of them could be listed. */
int attached_send_busy(int control, libxl_ctx *ctx);

#endif
