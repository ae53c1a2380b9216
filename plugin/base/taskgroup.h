/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads that do one job for each of several disks, some side by side, while
 * the caller looks after the session.
 *
 * A group can be left while jobs still run: when one has failed, or when the
 * session is over, nobody wants to wait for the others.  What they use must
 * then live as long as the process.
 */
#ifndef PLUGIN_BASE_TASKGROUP_H
#define PLUGIN_BASE_TASKGROUP_H

struct taskgroup;

/* number: of the disk.  Returns 0 or a negative errno. */
typedef int taskgroup_job(void *opaque, unsigned number);

/* Starts the jobs 0 ... count - 1 (count > 0) in this order, at most at_once at
 * a time.  0, and the group is left with taskgroup_leave(), or a negative
 * errno. */
int taskgroup_start(struct taskgroup **g_r, taskgroup_job *job, void *opaque,
                    unsigned count, unsigned at_once);

/* A descriptor that is readable when all jobs are done or one has failed; it
 * stays the group's. */
int taskgroup_fd(const struct taskgroup *g);

/* Leaves the group, after taskgroup_fd() is readable or before; no further job
 * is begun.  Returns the first error, 0 if all are done, or -EINPROGRESS. */
int taskgroup_leave(struct taskgroup *g);

#endif
