/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages; see log.h.
 *
 * Nearly every message holds something that a guest, a peer or a path says, so
 * all of them are escaped here (escape.h), whole: whoever calls need not think
 * of it, and what is escaped already stays as it is.
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
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/base/escape.h"
#include "plugin/base/exit.h"
#include "plugin/base/log.h"

#define CONTEXT "xl-dedup"
#define PROGRESS_EVERY 10       /* seconds, where lines stay */
#define PROGRESS_TTY_MS 200     /* where they are rewritten */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static xentoollog_logger_stdiostream *logger;
static xentoollog_level least = XTL_PROGRESS;
static int shown_width;         /* of the progress line on the terminal */
static int64_t next_ms;         /* no progress line before this */
static bool said_error;         /* at least one has been logged */

/* Called with the lock held; NULL if memory is short. */
static xentoollog_logger *get_logger(void)
{
    if (!logger)
        logger = xtl_createlogger_stdiostream(stderr, least,
                                              XTL_STDIOSTREAM_HIDE_PROGRESS);
    return (xentoollog_logger *)logger;
}

/* The message on one line, to be freed; NULL: no memory. */
static __attribute__((format(printf, 1, 0)))
char *make_line(const char *fmt, va_list ap)
{
    char *text, *line;
    size_t size;

    if (vasprintf(&text, fmt, ap) < 0)
        return NULL;
    size = 4 * strlen(text) + 1;
    line = malloc(size);
    if (line)
        text_escape_line(text, line, size);
    free(text);
    return line;
}

static void erase_progress(void)
{
    if (shown_width > 0)
        fprintf(stderr, "\r%*s\r", shown_width, "");
    shown_width = 0;
}

/* A child of a process with threads logs as well: it must not find the lock
 * held by a thread that it does not have, nor the one in syslog(). */
static void before_fork(void)
{
    pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&lock);
}

static __attribute__((constructor)) void outlive_forks(void)
{
    pthread_atfork(before_fork, after_fork, after_fork);
}

void log_init(xentoollog_level minimum)
{
    pthread_mutex_lock(&lock);
    least = minimum;
    if (logger)
        xtl_stdiostream_set_minlevel(logger, minimum);
    pthread_mutex_unlock(&lock);
}

/* That memory is short must be said without any. */
static __attribute__((format(printf, 3, 0)))
void log_without_memory(xentoollog_level level, int errnum, const char *fmt,
                        va_list ap)
{
    char text[1024], line[4 * sizeof(text)];

    vsnprintf(text, sizeof(text), fmt, ap);
    fprintf(stderr, "%s: %s: %s%s%s\n", CONTEXT, xtl_level_to_string(level),
            text_escape_line(text, line, sizeof(line)),
            errnum >= 0 ? ": " : "",
            errnum >= 0 ? strerrordesc_np(errnum) : "");
}

void log_msg(xentoollog_level level, int errnum, const char *fmt, ...)
{
    int saved = errno;
    xentoollog_logger *xtl;
    char *line;
    va_list ap;

    va_start(ap, fmt);
    line = make_line(fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&lock);
    said_error = said_error || level >= XTL_ERROR;
    xtl = get_logger();
    if (level >= least) {
        erase_progress();
        va_start(ap, fmt);
        if (xtl && line)
            xtl_log(xtl, level, errnum, CONTEXT, "%s", line);
        else
            log_without_memory(level, errnum, fmt, ap);
        va_end(ap);
    }
    pthread_mutex_unlock(&lock);
    free(line);
    errno = saved;
}

int log_exit(const char *command, int rc)
{
    bool said;

    pthread_mutex_lock(&lock);
    said = said_error;
    pthread_mutex_unlock(&lock);
    if (rc && !said)
        log_errno(rc, "%s failed", command);
    return rc ? XD_EXIT_FAILED : XD_EXIT_OK;
}

void log_lasting(xentoollog_level level, const char *fmt, ...)
{
    int saved = errno;
    char text[1024], line[4096];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    text_escape_line(text, line, sizeof(line));
    log_msg(level, -1, "%s", line);
    openlog(CONTEXT, LOG_PID, LOG_DAEMON);
    syslog(level >= XTL_ERROR ? LOG_ERR : level >= XTL_WARN ? LOG_WARNING :
           LOG_INFO, "%s", line);
    errno = saved;
}

int log_exit_told(const char *command, int rc)
{
    return rc == -ENOMEM ? log_exit(command, rc) :
        rc ? XD_EXIT_FAILED : XD_EXIT_OK;
}

/* Rewrites the terminal's last line.  A line longer than the terminal would
 * wrap and could not be taken back, so it is cut at 79 columns. */
static void show_on_terminal(const char *text)
{
    char line[80];
    int width;

    /* No character is wider than it has bytes. */
    width = strlen(text_escape_line(text, line, sizeof(line)));
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
    char *line;
    va_list ap;

    va_start(ap, fmt);
    line = make_line(fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&lock);
    xtl = get_logger();
    if (!next_ms && !tty)
        next_ms = now + PROGRESS_EVERY * 1000;  /* what is quick is silent */
    if (xtl && line && XTL_PROGRESS >= least && now >= next_ms) {
        next_ms = now + (tty ? PROGRESS_TTY_MS : PROGRESS_EVERY * 1000);
        if (tty)
            show_on_terminal(line);
        else
            xtl_log(xtl, XTL_PROGRESS, -1, CONTEXT, "%s", line);
    }
    pthread_mutex_unlock(&lock);
    free(line);
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
