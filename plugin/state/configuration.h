/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration file, SYSCONFDIR/xl-dedup/xl-dedup.conf, or the file that
 * the environment variable XL_DEDUP_CONFIG names.
 *
 * Lines "key = value"; '#' begins a comment.  Keys:
 *   reference   glob of image files or block devices that this host may
 *               take content from; may be given several times
 *   reference-access    open, or proven: whether a file of a reference is
 *               described to any source, or only to one that shows that it has
 *               another version of it (proven)
 *   destination glob of directories, files and block devices that a disk may go
 *               to; may be given several times; target/destination_list.h says
 *               what it means, and what holds if there is none
 *   state       directory of the records of received disks
 *               (LOCALSTATEDIR/lib/xl-dedup)
 *   guests      directory of the guests' configuration files (/etc/xen); what is
 *               in its directory "auto" is started when the host boots
 *   trace-buffer    bytes in which the kernel traces writes, per processor
 *   remind      after how many days an unfinished copy is pointed out
 *   index-wait      seconds that a session waits for references that were
 *               never indexed, before it asks the source for what they may
 *               hold (60)
 *   memory-limit    bytes that the peer of a session may have it take up
 *               (4 GiB, or half of the host's memory)
 *   timeout-limit   the longest silence of a source, in seconds, that is waited
 *               for here, whatever the source asks for (600)
 * A missing file is an empty one.
 */
#ifndef PLUGIN_STATE_CONFIGURATION_H
#define PLUGIN_STATE_CONFIGURATION_H

#include <stdbool.h>
#include <stddef.h>

/* Whose disks may only go to what `destination` names. */
enum confinement {
    CONFINE_PUSHES,             /* a migration's go where xl is told to look */
    CONFINE_ALL,
    CONFINE_NONE,
};

struct configuration {
    char **references;
    size_t n_references;
    bool proven;                /* reference-access */
    char **destinations;        /* none: the standard ones */
    size_t n_destinations;
    enum confinement confine;
    char *state_dir;
    char *guests_dir;
    size_t trace_buffer;        /* 0: the tracker's default */
    unsigned remind_days;       /* 0: never */
    size_t index_wait;          /* seconds */
    size_t memory_limit;        /* bytes; 0: budget_default() */
    size_t timeout_limit;       /* seconds */
};

/* The file. */
const char *configuration_path(void);

/* Reads the file, and looks at the state directory.  0 and what
 * configuration_release() takes, or a negative errno, logged: -EINVAL for what
 * it does not understand, with file and line; -EPERM for a state directory that
 * others can write to, who could have us follow their links there. */
int configuration_load(struct configuration *c);

/* Adds a destination as the key does, and forgets all of them.  The first
 * returns 0, -ENOMEM, or -EINVAL (not logged) for what is not an absolute path
 * or has ".." in it. */
int configuration_add_destination(struct configuration *c, const char *glob);
void configuration_forget_destinations(struct configuration *c);

void configuration_release(struct configuration *c);

#endif
