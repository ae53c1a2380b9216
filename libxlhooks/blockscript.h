/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The distribution's hotplug script for disks: whether it is one whose work
 * attach.c can do. */
#ifndef LIBXLHOOKS_BLOCKSCRIPT_H
#define LIBXLHOOKS_BLOCKSCRIPT_H

#include <stdbool.h>

/* Whether script ("/etc/xen/scripts/block") and the files beside it that it
 * sources are, byte for byte, of a release that attach.c was written after.
 * One that an admin has edited, or of another release, is not. */
bool blockscript_is_known(const char *script);

#endif
