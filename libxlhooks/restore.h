/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receiving side. */
#ifndef LIBXLHOOKS_RESTORE_H
#define LIBXLHOOKS_RESTORE_H

#include <stdint.h>

#include "libxlhooks/libxl_calls.h"

/* libxl_domain_create_restore(), given a control channel, which the caller
 * closes.  Returns what xl is to see, 0 or a code of libxl. */
int restore_dedup(int control, libxl_ctx *ctx, libxl_domain_config *config,
                  uint32_t *domid, int restore_fd, int send_back_fd,
                  const libxl_domain_restore_params *params,
                  const libxl_asyncprogress_how *aop_console_how);

#endif
