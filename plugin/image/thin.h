/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Thin volumes of device mapper. */
#ifndef PLUGIN_IMAGE_THIN_H
#define PLUGIN_IMAGE_THIN_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Whether all of a device is a thin volume (dm-thin, which LVM uses).  Its
 * kernel driver cannot punch, but what was given back by discarding reads as
 * zeros, then and ever after: nothing is there any more.  (Other devices do not
 * promise that.)  Only whole blocks of the pool are given back.  False if it
 * cannot be known.
 */
bool device_is_thin(dev_t dev);

#endif
