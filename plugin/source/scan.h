/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a source's disk for the list of its objects.  The list goes out
 * while the disk is being read, so that the line has something to do from the
 * first objects on; the caller sends meanwhile what the target wants of them.
 */
#ifndef PLUGIN_SOURCE_SCAN_H
#define PLUGIN_SOURCE_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/source/disk.h"
#include "plugin/source/session.h"

struct scan;

/* Examines the image: d->manifest and d->objects are there when this returns.
 * The rest goes on in two threads, to which the session and d are lent.  0 or
 * a negative errno, and then no thread runs. */
int scan_start(struct scan **s_r, const struct session *session,
               struct source_disk *d);

/* Whether it has failed: scan_end() then tells why.  The descriptor, which
 * belongs to s, is readable from then on. */
bool scan_has_failed(const struct scan *s);
int scan_fd(const struct scan *s);

/* Whether the end of the list was sent, so that the target may know of it. */
bool scan_is_listed(const struct scan *s);

/* Bytes of the image that belong to objects, as far as it was read. */
uint64_t scan_found(const struct scan *s);

/* Shows on the terminal how far the bulk copy is. */
void scan_show(const struct scan *s);

/* Waits for the end, and frees s.  0, or the negative errno of the first
 * failure, logged unless it is the wire's. */
int scan_end(struct scan *s);

/* The session has failed: the threads end when they find out.  s, and what it
 * borrowed, must live as long as they. */
void scan_leave(struct scan *s);

#endif
