/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Notices the moment at which the guest has stopped, while xl's own thread is
 * inside libxl_domain_suspend(): the helper reads the last changed disk
 * blocks from then on, instead of waiting for the end of the memory stream.
 *
 * This is a hint only.  The message may be missing (a short suspension, no
 * context); that costs time, never correctness.  It is never early: it is sent
 * after the hypervisor has reported the domain shut down for suspension.
 *
 * The context is the watcher's own, so that no lock of xl's context is held
 * or waited for.  It runs no children; in the mode of SIGCHLD that it has by
 * default, libxl takes that signal only while one of them runs (libxl_event.h).
 * The thread blocks all signals, so that xl's handlers and ours run where they
 * always ran.
 */
#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libxlhooks/as_json.h"
#include "libxlhooks/helper.h"
#include "libxlhooks/libxl_calls.h"
#include "libxlhooks/watcher.h"
#include "plugin/xl/control.h"

#define POLL_NS 20000000L

struct watcher {
    int control;
    uint32_t domid;
    atomic_bool stop;
    pthread_t thread;
    xentoollog_logger *logger;
    libxl_ctx *ctx;
    libxl_dominfo *info;
};

enum sight { RUNS, SUSPENDED, UNKNOWN };

static enum sight look(const struct watcher *w)
{
    json_object *o = NULL;
    enum sight sight = RUNS;
    const char *reason;

    real.libxl_dominfo_init(w->info);
    if (!real.libxl_domain_info(w->ctx, w->info, w->domid))
        o = as_json_dominfo(w->ctx, w->info);
    real.libxl_dominfo_dispose(w->info);
    reason = as_json_text(o, "shutdown_reason");
    if (!o)
        sight = UNKNOWN;
    else if (as_json_is_set(o, "shutdown") && reason &&
             !strcmp(reason, "suspend"))
        sight = SUSPENDED;
    json_object_put(o);
    return sight;
}

static void *watch(void *arg)
{
    static const struct timespec interval = { .tv_nsec = POLL_NS };
    struct watcher *w = arg;
    enum sight sight = RUNS;

    while (!atomic_load(&w->stop) && (sight = look(w)) == RUNS)
        nanosleep(&interval, NULL);
    if (sight == SUSPENDED)
        control_send(w->control, "stopped", NULL);
    return NULL;
}

static void watcher_free(struct watcher *w)
{
    if (w->ctx)
        real.libxl_ctx_free(w->ctx);
    if (w->logger)
        real.xtl_logger_destroy(w->logger);
    free(w->info);
    free(w);
}

static int start_thread(struct watcher *w)
{
    sigset_t all, old;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(&w->thread, NULL, watch, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return -r;
}

struct watcher *watcher_start(int control, uint32_t domid)
{
    struct watcher *w = calloc(1, sizeof(*w));

    if (!w)
        return NULL;
    w->control = control;
    w->domid = domid;
    atomic_init(&w->stop, false);
    w->logger = (xentoollog_logger *)
        real.xtl_createlogger_stdiostream(stderr, XTL_ERROR, 0);
    w->info = as_json_memory();
    if (!w->logger || !w->info ||
        real.libxl_ctx_alloc(&w->ctx, CALLS_VERSION, 0, w->logger)) {
        w->ctx = NULL;
        goto fail;
    }
    if (start_thread(w))
        goto fail;
    return w;
fail:
    hook_log("cannot watch domain %u; going on without", domid);
    watcher_free(w);
    return NULL;
}

void watcher_stop(struct watcher *w)
{
    if (!w)
        return;
    atomic_store(&w->stop, true);
    pthread_join(w->thread, NULL);
    watcher_free(w);
}
