/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration file, SYSCONFDIR/xl-dedup/xl-dedup.conf, or the file that
 * the environment variable XL_DEDUP_CONFIG names.
 *
 * Lines "key = value"; '#' begins a comment.  Keys:
 *   reference   glob of image files or block devices that this host may
 *               take content from; may be given several times
 *   state       directory of the records of received disks
 *               (LOCALSTATEDIR/lib/xl-dedup)
 *   trace-buffer    bytes in which the kernel traces writes, per processor
 *   remind      after how many days an unfinished copy is pointed out
 *   index-wait      seconds that a session waits for references that were
 *               never indexed, before it asks the source for what they may
 *               hold (60)
 * A missing file is an empty one.
 */
#ifndef PLUGIN_STATE_CONFIGURATION_H
#define PLUGIN_STATE_CONFIGURATION_H

#include <stddef.h>

struct configuration {
    char **references;
    size_t n_references;
    char *state_dir;
    size_t trace_buffer;        /* 0: the tracker's default */
    unsigned remind_days;       /* 0: never */
    size_t index_wait;          /* seconds */
};

/* Reads the file.  0 and what configuration_release() takes, or a negative
 * errno: -EINVAL for what it does not understand, file and line of which have
 * been logged. */
int configuration_load(struct configuration *c);
void configuration_release(struct configuration *c);

#endif
