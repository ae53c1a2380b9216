/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line of xl migrate --dedup.
 *
 * Two steps, so that nothing changes for those who do not ask for us: first
 * it is only looked for an option --dedup, with xl's rules for what an option
 * is; what remains without ours is then read exactly as xl reads it.
 */
#ifndef LIBXLHOOKS_OPTIONS_H
#define LIBXLHOOKS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct options {
    /* xl's global options */
    int num_global;             /* argv[1..num_global], as typed */
    int verbosity;              /* as many as xl counts */
    bool progress_cr, timestamps;
    /* xl migrate's */
    const char *config;
    const char *ssh;            /* NULL: not given */
    bool foreground, no_monitor_given;
    bool no_monitor;            /* what stock xl tells the receiver: -F, -e */
    bool paused, preserve_domid, debug, live;
    const char *domain, *host;
    bool dry_run;               /* nothing is to happen */
    /* ours, for the helper: --NAME or --NAME=VALUE each */
    char **passed;
    size_t num_passed;
    bool help;
};

/* The index of xl's command word; argc if there is none, or if xl will refuse
 * the options before it. */
int options_command(int argc, char **argv);

/* Does this command line say migrate and --dedup? */
bool options_wanted(int argc, char **argv);

/* To be called if so.  Returns 0, or after a message -EINVAL, or -EDESTADDRREQ
 * if HOST is none.  Points into argv; options_release() frees the rest. */
int options_parse(struct options *o, int argc, char **argv);
void options_release(struct options *o);

/* xl's convention: after -s '' the host argument is the whole command. */
bool options_own_rune(const struct options *o);

#endif
