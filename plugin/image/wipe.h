/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Overwriting an image with zeros, so that its content is not on the storage
 * any more as far as the kernel can reach: what a drive, a file system that
 * writes elsewhere (btrfs) or a snapshot keeps is out of reach.
 *
 * The caller makes sure that it is the right one, and that nobody uses it.
 */
#ifndef PLUGIN_IMAGE_WIPE_H
#define PLUGIN_IMAGE_WIPE_H

/* Overwrites a device, or where a file has data, and brings that to the
 * storage.  fd: open for writing.  0 or a negative errno: then a part may be
 * overwritten.  Shows its progress on a device. */
int wipe_image(int fd);

#endif
