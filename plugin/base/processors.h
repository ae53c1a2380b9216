/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processors of this host: how many there are for us, and what they do. */
#ifndef PLUGIN_BASE_PROCESSORS_H
#define PLUGIN_BASE_PROCESSORS_H

/* The number of processors this process may use (its CPU affinity), at least
 * 1: taskset and cpusets confine a program to a part of them. */
unsigned processors_count(void);

/* Seconds since the start of the host in which its processors had nothing to
 * do, of all of them together, to a hundredth (proc_stat(5): idle and iowait).
 * Negative, if that cannot be told. */
double processors_idle(void);

/* Opens what processors_idle() reads, for a process that will not be able to
 * open files any more. */
void processors_prepare(void);

#endif
