/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Confinement: what the target's engine gives up before it takes what another
 * host has packed, in all of its threads.
 *
 * It promises that from then on code of the other host's choice could use the
 * descriptors that are open, memory and time, and ask the monitor (monitor.h)
 * for what that grants, and nothing else: the process has a user that nobody
 * else has, no capability, an empty root directory, no way to more rights, and
 * a filter of system calls (confinement_filter.h) without open, socket, exec
 * and ptrace.  Of an ordinary user the filter alone is there.
 *
 * Unlike the parser (fsparse/sandbox.h) this process has threads, so namespaces
 * cannot be had any more; and the filter answers with an error instead of death
 * where a library may ask for what it can do without, since a guest stands
 * still while this process works.
 */
#ifndef PLUGIN_TARGET_CONFINEMENT_H
#define PLUGIN_TARGET_CONFINEMENT_H

#include <stddef.h>

/* All that is needed later must be open and loaded.  0, or a negative errno and
 * why (size bytes): then nothing that is not trusted may be done.  A build with
 * a sanitizer, whose runtime needs what is taken away, confines nothing. */
int confinement_enter(char *why, size_t size);

/* ThreadSanitizer follows no process that was forked from one with threads and
 * starts some itself, as the monitor does: a build with it has none. */
#if defined(__SANITIZE_THREAD__)
#define CONFINEMENT_NONE 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CONFINEMENT_NONE 1
#endif
#endif
#ifndef CONFINEMENT_NONE
#define CONFINEMENT_NONE 0
#endif

#endif
