/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a process says at its end; see last_words.h. */
#include "config.h"

#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "plugin/xl/last_words.h"

/* Two, so that a signal always finds one that is not being written. */
static char words[2][512];
static atomic_uint current;

void last_words_set(const char *format, ...)
{
    unsigned other = !atomic_load(&current);
    char *text = words[other];
    va_list args;
    int n;

    n = snprintf(text, sizeof(words[0]), "xl-dedup: ");
    va_start(args, format);
    vsnprintf(text + n, sizeof(words[0]) - n - 1, format, args);
    va_end(args);
    strcat(text, "\n");
    atomic_store(&current, other);
}

/* A handler may not do more than this (signal-safety(7)). */
static void on_signal(int sig)
{
    const char *text = words[atomic_load(&current)];

    if (write(STDERR_FILENO, text, strlen(text)) < 0) {
        /* nobody listens */
    }
    signal(sig, SIG_DFL);
    raise(sig);
}

void last_words_prepare(void)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    size_t i;

    for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        /* one that is ignored stays so */
        if (signal(signals[i], on_signal) == SIG_IGN)
            signal(signals[i], SIG_IGN);
}
