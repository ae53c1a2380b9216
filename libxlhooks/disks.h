/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A domain's disks as its configuration has them.  All functions here return 0
 * or a negative errno, which has been logged unless it is -EPIPE. */
#ifndef LIBXLHOOKS_DISKS_H
#define LIBXLHOOKS_DISKS_H

#include <json-c/json.h>
#include <stdint.h>

#include "libxlhooks/libxl_calls.h"

/* What the configuration is of a domain that runs here, or of one that xl has
 * received, for json_object_put().  -EIO: libxl does not tell it. */
int disks_config_of(libxl_ctx *ctx, uint32_t domid, json_object **config_r);
int disks_config_received(libxl_ctx *ctx, libxl_domain_config *received,
                          json_object **config_r);

/* Sends "begin" without the suffix that xl gives to the names of incoming
 * domains; domid is NULL for a domain that does not exist yet.  -EPROTO: the
 * configuration does not have what it must. */
int disks_send_begin(int control, json_object *config, const uint32_t *domid);

/* Sends the disks of a configuration.  domid, where the same domain runs (may
 * be NULL), leads to what the configuration leaves to libxl to choose: the
 * backend.  -EPROTO as above. */
int disks_send(int control, libxl_ctx *ctx, json_object *config,
               const uint32_t *domid);

#endif
