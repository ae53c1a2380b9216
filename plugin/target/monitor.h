/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor: the process that keeps the rights when the engine of the target
 * gives them up (confinement.h), and does for it what takes some.  The name and
 * the idea are OpenSSH's (Provos, Friedl, Honeyman, "Preventing Privilege
 * Escalation", 2003).
 *
 * It is forked when the disks of the session have been checked and opened, and
 * knows these, and the references, from then; nothing that the engine says
 * adds a disk, a path or a reference.  All that whoever has the engine in his
 * hands can have done by it is what belongs to these disks: note, put in place,
 * give up; and have images read for the index that the configuration names.
 *
 * When the engine ends, however that happens, the monitor releases the disks:
 * placeholders go, records are true, what arrived is kept.
 *
 * The functions below are the engine's.  Those of a disk do it in this process
 * if the session has no monitor (d->monitor is NULL).
 */
#ifndef PLUGIN_TARGET_MONITOR_H
#define PLUGIN_TARGET_MONITOR_H

#include "plugin/target/disk.h"

struct monitor;
struct receiver;

/* Forks the monitor of a session, all disks of which are accepted, and has its
 * disks and references use it.  0, or a negative errno and why (size bytes). */
int monitor_start(struct monitor **m_r, struct receiver *r, char *why,
                  size_t size);
/* When all disks are released: waits for its end.  m may be NULL. */
void monitor_stop(struct monitor *m);

/* Of a disk: as the functions of destination_*.h that are called so. */
int monitor_own(struct target_disk *d);
int monitor_begin(struct target_disk *d);
int monitor_placeholder(struct target_disk *d);
void monitor_release(struct target_disk *d);
/* The same, and what the index will call the disk (index_disk.h). */
int monitor_place(struct target_disk *d, const uint8_t root[HASH_BYTES]);

/* When the disk is placed: keeps its secrets, and its listing. */
void monitor_keep_secrets(struct target_disk *d);
void monitor_keep_listing(struct target_disk *d);

#endif
