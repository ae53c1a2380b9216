/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who uses a file or block device of this host: what the kernel shows of it,
 * and a list of paths that running domains were configured with, for those that
 * it does not show (a disk that QEMU serves by the name of something else, or
 * that is not opened yet).
 */
#ifndef PLUGIN_IMAGE_USERS_H
#define PLUGIN_IMAGE_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Finds one user of what fd is open on, other than this process and those that
 * it has started: a loop device on it, a domain whose backend serves a device,
 * what is built on a device, a process that has it open.  Writes into name, cut
 * to size bytes: "/dev/loop3", "domain 5", "process 815 (qemu-system-i38)".
 *
 * Sees only what this host's kernel shows.  A search among the processes that
 * does not end within seconds (some file system asks a dead server) counts as a
 * user: true, and name says why.
 */
bool users_find(int fd, char *name, size_t size);

/* The same, but processes that only read do not count: a process that hashes an
 * image loses nothing if another one takes its place. */
bool users_find_writing(int fd, char *name, size_t size);

/* From now on a process counts as one that this one has started; 0: none does.
 * For two that have an image open together. */
void users_belong_together(pid_t pid);

/* A list of the paths that domains use, in no order.  Owns both strings. */
struct used_path {
    char *path;
    char *user;                 /* "domain g1" */
    struct used_path *next;
};

/* Puts a path at the head of the list; none, or an empty one, is passed over.
 * domain: its user's name, or NULL.  0 or -ENOMEM: the list must be released,
 * and nothing else. */
int used_path_add(struct used_path **list, const char *path,
                  const char *domain);
void used_paths_release(struct used_path *list);

#endif
