/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a process says when a signal ends it: the admin who interrupts a
 * migration should know what is left of it.
 *
 * One thread calls these functions; signals may come to any, at any time.
 */
#ifndef PLUGIN_XL_LAST_WORDS_H
#define PLUGIN_XL_LAST_WORDS_H

/* What will be said instead of what was set before, if anything: one line,
 * without the name of the program.  What does not fit into 511 bytes is cut
 * off. */
void last_words_set(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* From now on SIGINT, SIGTERM and SIGHUP, unless they are ignored, write that
 * to standard error and end the process as they would have done.  Words have
 * been set before. */
void last_words_prepare(void);

#endif
