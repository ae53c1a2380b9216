/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sending side. */
#ifndef LIBXLHOOKS_SUSPEND_H
#define LIBXLHOOKS_SUSPEND_H

#include <stdint.h>

#include "libxlhooks/libxl_calls.h"

/* libxl_domain_suspend(), given a control channel, which the caller closes.
 * Returns what xl is to see, 0 or a code of libxl. */
int suspend_dedup(int control, libxl_ctx *ctx, uint32_t domid, int fd,
                  int flags);

#endif
