/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A domain's disks as its configuration has them.  All functions here return 0
 * or a negative errno, which has been logged unless it is -EPIPE. */
#ifndef LIBXLHOOKS_DISKS_H
#define LIBXLHOOKS_DISKS_H

#include <stdint.h>

#include "libxlhooks/libxl_calls.h"

/* Sends "begin" without the suffix that xl gives to the names of incoming
 * domains; domid is NULL for a domain that does not exist yet. */
int disks_send_begin(int control, const libxl_domain_create_info *info,
                     const uint32_t *domid);

/* Sends the disks of a configuration.  running, the same domain's disks as
 * they are attached (may be NULL), knows what the configuration leaves to
 * libxl to choose: the backend. */
int disks_send(int control, libxl_ctx *ctx, const libxl_domain_config *config,
               const libxl_device_disk *running, int num_running);

#endif
