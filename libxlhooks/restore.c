/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The receiving side: libxl_domain_create_restore(), called when the disks of
 * the incoming guest are being made.
 *
 * libxl looks at the disks' paths early and attaches them only after the end
 * of the memory stream.  The helper answers "restore" when the paths exist,
 * and holds back the end of the stream until the disks are final.  So nothing
 * has to be waited for after the real function: its success implies theirs.
 *
 * The helper refuses to write where a domain of this host reads or writes.
 * Which disks those are is asked before "go", when no domain for the incoming
 * guest exists; hence all that are listed are other domains, dom0 included,
 * and for a migration to the same host the guest itself under its old number.
 *
 * The source may still find that the guest's disks have changed, and give up
 * before it suspends anything.  If the stream ends before the record that
 * starts libxl's helper, libxl (4.17 at least) calls a function that nobody has
 * set (libxl__save_helper_abort(), before libxl__xc_domain_restore()): xl is
 * killed, and the half-built domain stays, in the way of the next try.  So
 * nothing is made before the stream has come that far.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "libxlhooks/attached.h"
#include "libxlhooks/disks.h"
#include "libxlhooks/helper.h"
#include "libxlhooks/hotplug.h"
#include "libxlhooks/libxl_calls.h"
#include "libxlhooks/restore.h"
#include "plugin/xl/control.h"

/* The stream's header and that of its first record, LIBXC_CONTEXT, which has no
 * body; docs/specs/libxl-migration-stream.pandoc of Xen. */
#define STREAM_BEGIN (16 + 8)
#define LOOK_US 10000

/* False if the stream has ended before that.  What is no pipe is taken to have
 * its bytes. */
static bool stream_begins(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int there;

    for (;;) {
        if (poll(&p, 1, -1) < 0 && errno != EINTR)
            return true;
        if (ioctl(fd, FIONREAD, &there) || there >= STREAM_BEGIN)
            return true;
        if (p.revents & (POLLHUP | POLLERR))
            return false;
        if (p.revents)
            usleep(LOOK_US);
    }
}

static int describe(int control, libxl_ctx *ctx, libxl_domain_config *received)
{
    json_object *config;
    int rc;

    rc = disks_config_received(ctx, received, &config);
    if (rc)
        return rc;
    rc = disks_send_begin(control, config, NULL);
    if (!rc)
        rc = disks_send(control, ctx, config, NULL);
    if (!rc)
        rc = attached_send_busy(control, ctx);
    if (!rc)
        rc = control_send(control, "go", NULL);
    json_object_put(config);
    return rc;
}

int restore_dedup(int control, libxl_ctx *ctx, libxl_domain_config *config,
                  uint32_t *domid, int restore_fd, int send_back_fd,
                  const libxl_domain_restore_params *params,
                  const libxl_asyncprogress_how *aop_console_how)
{
    char result[16];
    int rc;

    rc = describe(control, ctx, config);
    if (!rc || rc == -EPIPE)
        rc = hook_expect(control, "restore");
    if (rc)
        return RC_FAIL;

    hotplug_begin();
    rc = stream_begins(restore_fd) ?
        real.libxl_domain_create_restore(ctx, config, domid, restore_fd,
                                         send_back_fd, params, NULL,
                                         aop_console_how) : RC_FAIL;
    hotplug_end();
    snprintf(result, sizeof(result), "%d", rc);
    /* a helper that has gone by now has nothing left to do */
    control_send(control, "restored", "rc", result, NULL);
    return rc;
}
