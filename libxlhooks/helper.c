/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hooks' side of the control channel; see helper.h. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libxlhooks/helper.h"
#include "libxlhooks/interrupt.h"
#include "plugin/base/escape.h"
#include "plugin/xl/control.h"

void hook_log(const char *format, ...)
{
    int saved = errno;
    char text[1024], line[4096];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    text_escape_line(text, line, sizeof(line));
    /* In one piece, since the helper writes to the same stderr. */
    fprintf(stderr, "xl-dedup: %s\n", line);
    errno = saved;
}

int hook_told(int rc)
{
    if (rc && rc != -EPIPE)
        hook_log("cannot tell the helper: %s", strerror(-rc));
    return rc;
}

int hook_expect(int control, const char *verb)
{
    struct control_msg msg;
    int rc;

    rc = control_recv(control, &msg);
    if (rc == -EPIPE && interrupt_seen()) {
        hook_log("interrupted");
        return rc;
    }
    if (rc == -EPIPE) {
        hook_log("the helper has ended before its work was done");
        return rc;
    }
    if (rc) {
        hook_log("cannot hear from the helper: %s", strerror(-rc));
        return rc;
    }
    if (!strcmp(control_verb(&msg), verb))
        return 0;
    if (!strcmp(control_verb(&msg), "fail"))
        return -ECANCELED;
    hook_log("the helper said \"%s\" instead of \"%s\"", control_verb(&msg),
             verb);
    return -EPROTO;
}
