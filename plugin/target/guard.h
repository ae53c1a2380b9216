/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process that outlives the one that overwrites a device, if that is killed:
 * it then notes in the record where the device stands (record.h), so that the
 * next try can go on with it.
 *
 * The open device is handed to it, and with it the claim that nobody else opens
 * it exclusively (to mount it, to make a file system).  So between the last of
 * our writes and the record there are none of others.
 */
#ifndef PLUGIN_TARGET_GUARD_H
#define PLUGIN_TARGET_GUARD_H

#include <sys/types.h>

#include "plugin/state/record.h"

struct guard {
    int fd;                     /* -1: none */
    pid_t pid;
};

#define GUARD_INIT { .fd = -1 }

/* Starts the process: program, which is an xl-dedup, is run as "xl-dedup guard
 * STATE UUID VDEV PATH" with the device that fd is open on.  0, or a negative
 * errno: the device goes without a guard. */
int guard_start(struct guard *g, const char *program, const char *state_dir,
                const struct record_key *key, int fd);

/* Ends the process, because the device is closed soon and its record is true
 * already.  Without a guard nothing happens. */
void guard_dismiss(struct guard *g);

/* The command "guard", which is that process; returns its exit status. */
int cmd_guard(int argc, char **argv);

#endif
