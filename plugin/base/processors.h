/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this host's processors do. */
#ifndef PLUGIN_BASE_PROCESSORS_H
#define PLUGIN_BASE_PROCESSORS_H

/* Seconds since the start of the host in which they had nothing to do, of all of
 * them together, to a hundredth (proc_stat(5): idle and iowait); negative, if
 * that cannot be told. */
double processors_idle(void);

#endif
