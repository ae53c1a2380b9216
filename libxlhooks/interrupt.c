/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ctrl-C while the guest may be suspended.
 *
 * Stock xl dies of it at once, and a guest that was just suspended stays so.
 * There this lasts a moment.  Here it lasts until the last disk blocks have
 * arrived, so it must not cost the guest: the signal shuts the control
 * channel down, which both ends see as end of file.  The helper gives up, and
 * with it the memory stream; libxl or our own wait fails; xl resumes the
 * guest.
 *
 * Before this phase the signals kill xl, as ever: the guest was not touched.
 * Afterwards they are swallowed.  After a failure xl has still to resume the
 * guest and then exits by itself.  After success the guest is suspended until
 * the other host has started it; a terminal's Ctrl-C ends the helper and ssh,
 * and xl, which sees its handshake fail, resumes the guest or, after its point
 * of no return, says what the admin has to check.  Dead, it would do neither.
 * SIGQUIT and SIGKILL always work.
 *
 * The handler makes only async-signal-safe calls.  Handlers do not survive
 * exec, so libxl's children keep the default.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "libxlhooks/interrupt.h"

#define NUM(a) (sizeof(a) / sizeof((a)[0]))

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
static volatile sig_atomic_t seen;
static volatile sig_atomic_t channel = -1;

static void on_signal(int sig)
{
    int saved = errno;

    seen = sig;
    if (channel >= 0)
        shutdown(channel, SHUT_RDWR);
    errno = saved;
}

void interrupt_begin(int control)
{
    struct sigaction action = { .sa_handler = on_signal }, old;
    size_t i;

    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    channel = control;
    for (i = 0; i < NUM(signals); i++) {
        /* nohup's and xl's own arrangements stay */
        if (sigaction(signals[i], NULL, &old) || old.sa_handler != SIG_DFL)
            continue;
        sigaction(signals[i], &action, NULL);
    }
}

void interrupt_end(void)
{
    channel = -1;
}

int interrupt_seen(void)
{
    return seen;
}
