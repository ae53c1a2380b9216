/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages; see log.h.
 *
 * xtl's stdio logger writes "CONTEXT: LEVEL: TEXT: STRERROR".  Its own
 * progress lines are made for done/total pairs of xc and cannot carry a text
 * of ours, so progress is written here: on a terminal one line that is
 * rewritten with \r and erased before the next message, otherwise an ordinary
 * message of level XTL_PROGRESS at most every PROGRESS_EVERY seconds.
 *
 * One mutex covers the logger, the state of the progress line and stderr; it
 * is a leaf (nothing else is locked under it).
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/base/log.h"

#define CONTEXT "xl-dedup"
#define PROGRESS_EVERY 10       /* seconds, where lines stay */
#define PROGRESS_TTY_MS 200     /* where they are rewritten */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static xentoollog_logger_stdiostream *logger;
static xentoollog_level least = XTL_PROGRESS;
static int shown_width;         /* of the progress line on the terminal */
static int64_t next_ms;         /* no progress line before this */

/* Called with the lock held; NULL if memory is short. */
static xentoollog_logger *get_logger(void)
{
    if (!logger)
        logger = xtl_createlogger_stdiostream(stderr, least,
                                              XTL_STDIOSTREAM_HIDE_PROGRESS);
    return (xentoollog_logger *)logger;
}

static void erase_progress(void)
{
    if (shown_width > 0)
        fprintf(stderr, "\r%*s\r", shown_width, "");
    shown_width = 0;
}

void log_init(xentoollog_level minimum)
{
    pthread_mutex_lock(&lock);
    least = minimum;
    if (logger)
        xtl_stdiostream_set_minlevel(logger, minimum);
    pthread_mutex_unlock(&lock);
}

void log_msg(xentoollog_level level, int errnum, const char *fmt, ...)
{
    int saved = errno;
    xentoollog_logger *xtl;
    va_list ap;

    pthread_mutex_lock(&lock);
    xtl = get_logger();
    if (xtl && level >= least) {
        erase_progress();
        va_start(ap, fmt);
        xtl_logv(xtl, level, errnum, CONTEXT, fmt, ap);
        va_end(ap);
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
}

void log_lasting(xentoollog_level level, const char *fmt, ...)
{
    int saved = errno;
    char line[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    log_msg(level, -1, "%s", line);
    openlog(CONTEXT, LOG_PID, LOG_DAEMON);
    syslog(level >= XTL_ERROR ? LOG_ERR : level >= XTL_WARN ? LOG_WARNING :
           LOG_INFO, "%s", line);
    errno = saved;
}

/* Rewrites the terminal's last line.  A line longer than the terminal would
 * wrap and could not be taken back, so it is cut at 79 columns. */
static void show_on_terminal(const char *fmt, va_list ap)
{
    char line[80];
    int width;

    width = vsnprintf(line, sizeof(line), fmt, ap);
    if (width < 0)
        return;
    if (width >= (int)sizeof(line))
        width = sizeof(line) - 1;
    fprintf(stderr, "\r%-*s", shown_width, line);
    fflush(stderr);
    if (width > shown_width)
        shown_width = width;
}

void log_progress(const char *fmt, ...)
{
    int saved = errno;
    bool tty = isatty(STDERR_FILENO);
    int64_t now = monotonic_ms();
    xentoollog_logger *xtl;
    va_list ap;

    pthread_mutex_lock(&lock);
    xtl = get_logger();
    if (!next_ms && !tty)
        next_ms = now + PROGRESS_EVERY * 1000;  /* what is quick is silent */
    if (xtl && XTL_PROGRESS >= least && now >= next_ms) {
        next_ms = now + (tty ? PROGRESS_TTY_MS : PROGRESS_EVERY * 1000);
        va_start(ap, fmt);
        if (tty)
            show_on_terminal(fmt, ap);
        else
            xtl_logv(xtl, XTL_PROGRESS, -1, CONTEXT, fmt, ap);
        va_end(ap);
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
}

void log_progress_end(void)
{
    pthread_mutex_lock(&lock);
    erase_progress();
    next_ms = 0;
    pthread_mutex_unlock(&lock);
}

int explain(char *why, size_t size, int rc, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, size, fmt, ap);
    va_end(ap);
    return rc;
}
