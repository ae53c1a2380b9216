/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of libxlhooks.so share.  Nothing of this is exported: the
 * version script (libxlhooks.map) lets out the hooked names only.
 *
 * Two threads at most: the one xl runs in, and the watcher.  They share the
 * control socket and nothing else; each message is one packet, so concurrent
 * control_send() calls need no lock.  Only xl's thread receives.
 */
#ifndef LIBXLHOOKS_HOOKS_H
#define LIBXLHOOKS_HOOKS_H

/* The newest interface, as xl 4.17 is compiled: with an older one libxl.h
 * replaces functions by inline shims and we would hook a shim. */
#ifdef LIBXL_API_VERSION
# error "libxlhooks needs libxl.h without LIBXL_API_VERSION"
#endif
#include <libxl.h>
#include <libxl_event.h>
#include <libxl_utils.h>
#include <xenstore.h>
#include <xentoollog.h>

#if !defined(LIBXL_HAVE_DOMAIN_CREATE_RESTORE_SEND_BACK_FD) || \
    !defined(LIBXL_HAVE_FN_USING_QMP_ASYNC)
# error "this libxl.h is older than Xen 4.13; libxlhooks needs 4.17's"
#endif

#define PEER_FD_ENV "XL_DEDUP_PEER_FD"

/* hooks.c */

/* Pointers to the real functions; see hooks_resolve(). */
struct libxl_calls {
#define SYMBOL(name) __typeof__(name) *name;
#include "libxlhooks/symbols.h"
};
extern struct libxl_calls real;

/* One line on stderr (stdout of migrate-receive is xl's protocol); keeps
 * errno.  Failures that the helper reported are not repeated here. */
void hook_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Waits for verb.  Returns 0, -ECANCELED for "fail", -EPIPE at end of file,
 * -EPROTO for anything else; logs whatever the helper cannot have logged. */
int hook_expect(int control, const char *verb);

/* disks.c: all return 0 or negative errno, and log. */

/* Sends begin, with the suffix that xl gives to incoming domains left out,
 * domid only if it is not NULL. */
int disks_send_begin(int control, const libxl_domain_create_info *info,
                     const uint32_t *domid);

/* Sends the disks of a configuration.  running, the same domain's disks as
 * they are attached (may be NULL), knows what the configuration leaves to
 * libxl to choose: the backend. */
int disks_send(int control, libxl_ctx *ctx, const libxl_domain_config *config,
               const libxl_device_disk *running, int num_running);

/* attached.c: the same */

/* Sends the disks of a running domain as they are attached now.  -EIO: they
 * cannot be told. */
int disks_send_attached(int control, libxl_ctx *ctx, uint32_t domid);

/* Sends every disk of every domain of this host as busy. */
int disks_send_busy(int control, libxl_ctx *ctx);

/* interrupt.c */

/* From here on SIGINT, SIGTERM and SIGHUP, where they would kill xl, shut
 * the control channel down instead. */
void interrupt_begin(int control);
/* Must precede closing the channel.  The signals are swallowed from now on,
 * until xl exits. */
void interrupt_end(void);
/* The signal that came, or 0. */
int interrupt_seen(void);

/* watcher.c */
struct watcher;

/* Starts to look for the suspension of domid, to send "stopped" once.
 * NULL if that is not possible: the migration goes on without. */
struct watcher *watcher_start(int control, uint32_t domid);
/* Ends and frees it; NULL is fine.  Nothing is sent after this. */
void watcher_stop(struct watcher *w);

/* hotplug.c */

/* Between these two, disks are attached by our own program where that does
 * the same as the distribution's script. */
void hotplug_begin(void);
void hotplug_end(void);

/* suspend.c, restore.c: the hooked functions, given a control channel.
 * The caller closes it. */
int suspend_dedup(int control, libxl_ctx *ctx, uint32_t domid, int fd,
                  int flags);
int restore_dedup(int control, libxl_ctx *ctx, libxl_domain_config *config,
                  uint32_t *domid, int restore_fd, int send_back_fd,
                  const libxl_domain_restore_params *params,
                  const libxl_asyncprogress_how *aop_console_how);

#endif
