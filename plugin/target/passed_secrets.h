/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The secrets of a disk's copies elsewhere, which come along with it: what the
 * guest, which is here now, needs to go back (docs/protocol.md, "Secrets of
 * copies"). */
#ifndef PLUGIN_TARGET_PASSED_SECRETS_H
#define PLUGIN_TARGET_PASSED_SECRETS_H

#include "plugin/target/disk.h"

/* Takes them from a PLACE frame.  0 or -EPROTO. */
int passed_secrets_take(struct target_disk *d, const struct frame *f);

/* Keeps them, and the disk's own, in its keyring.  Failure is logged, and costs
 * what the copies would have saved. */
void passed_secrets_keep(struct target_disk *d);

void passed_secrets_forget(struct target_disk *d);

#endif
