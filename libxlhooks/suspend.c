/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sending side: libxl_domain_suspend(), with the disks brought along.
 *
 *   describe the guest, "go"       guest runs; any failure leaves it alone
 *   wait for "list"                guest runs, the helper copies its disks;
 *                                  a signal kills xl, the helper sees end of
 *                                  file, nothing has happened to the guest
 *   list the disks again, "go",    the same; the helper looks whether they are
 *   wait for "suspend"             what they were
 *   the real function              guest runs, then is suspended; a signal
 *                                  ends the attempt (interrupt.c)
 *   list the disks once more,      guest is suspended; a signal or a failure
 *   "suspended", wait for "done"   makes xl resume it
 *   return 0                       xl goes on with its own handshake; a signal
 *                                  no longer kills it
 *
 * What xl does with the result decides the error codes: after
 * ERROR_GUEST_TIMEDOUT it takes the guest for running and leaves it alone,
 * after every other error it resumes it.
 */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "libxlhooks/attached.h"
#include "libxlhooks/disks.h"
#include "libxlhooks/helper.h"
#include "libxlhooks/interrupt.h"
#include "libxlhooks/libxl_calls.h"
#include "libxlhooks/suspend.h"
#include "libxlhooks/watcher.h"
#include "plugin/xl/control.h"

/* What may change while the helper copies. */
static int list(int control, libxl_ctx *ctx, uint32_t domid)
{
    int rc = attached_send(control, domid);
    bool all;

    if (rc)
        return rc;
    rc = attached_send_busy(control, ctx);
    /* Without them the helper removes no images, and warns. */
    all = rc != -EIO;
    if (rc && all)
        return rc;
    return control_send(control, "go", "busy", all ? "all" : "some", NULL);
}

static int describe(int control, libxl_ctx *ctx, uint32_t domid)
{
    json_object *config;
    int rc;

    rc = disks_config_of(ctx, domid, &config);
    if (rc)
        return rc;
    rc = disks_send_begin(control, config, &domid);
    if (!rc)
        rc = disks_send(control, ctx, config, &domid);
    if (!rc)
        rc = list(control, ctx, domid);
    json_object_put(config);
    return rc;
}

static void send_result(int control, int result)
{
    char rc[16];

    snprintf(rc, sizeof(rc), "%d", result);
    /* if nobody listens, the wait that follows will tell */
    control_send(control, "suspended", "rc", rc, NULL);
}

int suspend_dedup(int control, libxl_ctx *ctx, uint32_t domid, int fd,
                  int flags)
{
    struct watcher *watcher;
    int rc, listed = 0;

    rc = describe(control, ctx, domid);
    /* a helper that said "fail" and left makes sending fail, too: -EPIPE is
     * explained, if at all, by what is still to be received */
    if (!rc || rc == -EPIPE)
        rc = hook_expect(control, "list");
    if (!rc)
        rc = list(control, ctx, domid);
    if (!rc || rc == -EPIPE)
        rc = hook_expect(control, "suspend");
    if (rc)
        return RC_GUEST_TIMEDOUT;

    interrupt_begin(control);
    watcher = watcher_start(control, domid);
    rc = real.libxl_domain_suspend(ctx, domid, fd, flags, NULL);
    watcher_stop(watcher);
    if (!rc)
        listed = attached_send(control, domid);
    if (listed && listed != -EPIPE)
        rc = RC_FAIL;
    send_result(control, rc);
    if (!rc && hook_expect(control, "done"))
        rc = RC_FAIL;
    interrupt_end();
    return rc;
}
