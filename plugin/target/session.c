/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of a session have in common; see session.h. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "plugin/base/log.h"
#include "plugin/target/session.h"

void session_vrefuse(struct receiver *r, const char *fmt, va_list ap)
{
    char text[WHY_BYTES];

    if (r->failed)
        return;
    r->failed = true;
    vsnprintf(text, sizeof(text), fmt, ap);
    /* The source shows it; if it cannot be reached, it goes to our log. */
    if (wire_send(r->wire, FRAME_FAIL, PROTO_NO_DISK, text, strlen(text)))
        log_error("%s", text);
}

void session_refuse(struct receiver *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    session_vrefuse(r, fmt, ap);
    va_end(ap);
}

int session_raise(struct receiver *r, int (*handler)(void *))
{
    return handler ? handler(r->events.opaque) : 0;
}

bool session_is_wanted(void *receiver)
{
    struct receiver *r = receiver;

    return !inbox_over(r->inbox);
}
