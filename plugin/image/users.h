/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who uses a file or block device of this host. */
#ifndef PLUGIN_IMAGE_USERS_H
#define PLUGIN_IMAGE_USERS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Finds one user of what fd is open on, other than this process and those that
 * it has started: a loop device on it, a domain whose backend serves a device,
 * what is built on a device, a process that has it open.  name: "/dev/loop3",
 * "domain 5", "process 815 (qemu-system-i38)".  Sees only what this host's
 * kernel shows.
 */
bool users_find(int fd, char *name, size_t size);

/* The same, but processes that only read do not count: whoever hashes an image
 * loses nothing if another one takes its place. */
bool users_find_writing(int fd, char *name, size_t size);

#endif
