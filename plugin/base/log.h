/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages: those that are shown, and those that a caller is given because it
 * knows who reads them.
 *
 * What is shown goes through libxentoollog, so that it looks like the rest of
 * the Xen toolstack's messages and obeys the same -v.  All of it goes to
 * stderr: stdout belongs to the result of a command or to the migration
 * protocol.
 *
 * What is shown is one line, and printable whatever it is made of: see
 * text_escape_line().
 *
 * An error is logged once, where its cause is known; callers only propagate the
 * code.  The functions named log_ preserve errno, and may be called by any
 * thread.
 */
#ifndef PLUGIN_BASE_LOG_H
#define PLUGIN_BASE_LOG_H

#include <stddef.h>
#include <xentoollog.h>

/* Sets the least level that is shown.  Before the first call messages are shown
 * from XTL_PROGRESS on. */
void log_init(xentoollog_level minimum);

/* errnum: positive errno to append, or -1. */
void log_msg(xentoollog_level level, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, and to syslog: for what happens when nobody may be looking at the
 * terminal any more. */
void log_lasting(xentoollog_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The exit status of a command that ended with rc (0 or -errno).  If it failed
 * and no error was logged, as where memory was short, that is done here. */
int log_exit(const char *command, int rc);

/* The same for one that tells its peer, which logs it: here only memory that
 * was too short to tell is logged. */
int log_exit_told(const char *command, int rc);

/* A progress line (rewritten in place on a terminal, rare otherwise). */
void log_progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Takes the progress line off the terminal; the next one is shown at once. */
void log_progress_end(void);

/* Writes the reason of a failure into why, cut to size bytes with the NUL, for
 * a caller to log or to send.  Returns rc. */
int explain(char *why, size_t size, int rc, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#define log_error(...)          log_msg(XTL_ERROR, -1, __VA_ARGS__)
#define log_errno(rc, ...)      log_msg(XTL_ERROR, -(rc), __VA_ARGS__)
#define log_warn(...)           log_msg(XTL_WARN, -1, __VA_ARGS__)
#define log_info(...)           log_msg(XTL_INFO, -1, __VA_ARGS__)
#define log_debug(...)          log_msg(XTL_DEBUG, -1, __VA_ARGS__)

#endif
