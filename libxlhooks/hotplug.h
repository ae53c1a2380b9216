/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attaching the disks of an incoming guest. */
#ifndef LIBXLHOOKS_HOTPLUG_H
#define LIBXLHOOKS_HOTPLUG_H

/* Between these two calls, disks are attached by our own program where that
 * does the same as the distribution's script. */
void hotplug_begin(void);
void hotplug_end(void);

#endif
