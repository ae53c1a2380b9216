/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl-dedup serve: the only command of a key that may only push or migrate.
 *
 * sshd runs it in place of what the other host asked for, which it finds in
 * SSH_ORIGINAL_COMMAND.  Promise: of that text nothing is run or passed on.  It
 * is compared with what our own push, doctor and xl migrate --dedup send, and
 * for each of these there is a command line of ours.  What runs has no variable
 * of the environment that came over the line.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/exit.h"
#include "plugin/base/log.h"
#include "plugin/cmd/commands.h"

#define SELF "/proc/self/exe"
#define RECEIVE "xl-dedup receive"
#define ADOPT "xl-dedup adopt"
#define REPORT "xl-dedup doctor --report"
#define RECEIVE_XL "xl-dedup receive-xl --"
#define MIGRATE_RECEIVE " migrate-receive"
#define VERBOSE_MAX 8           /* xl counts to less */
#define KEPT_MAX 16
#define WORDS 16
#define ENVIRONMENT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:" \
    "/sbin:/bin"

static const char help[] =
"Usage: xl-dedup serve [OPTION]... push|migrate...\n"
"\n"
"For a line of authorized_keys:\n"
"\n"
"  restrict,command=\"xl-dedup serve push\" ssh-ed25519 AAAA... site-b\n"
"\n"
"Who has that key can then do nothing but push images to this host, or "
"migrate\n"
"guests to it, or both, and ask by 'xl-dedup doctor' what stands in the way. A\n"
"guest's configuration names files, devices and programs of this host: "
"whoever\n"
"may migrate is root here, in effect.\n"
"\n"
"  -c, --config=FILE    the key's own xl-dedup.conf: what content it may use\n"
"                       and where its disks may go\n"
"      --keep-env=NAME  keep this variable of the environment; may be given\n"
"                       several times\n"
"  -h, --help           this text\n"
"\n"
"Exit status: 64 the key may not do that; else as what was done.\n";

struct serving {
    bool push, migrate;
    const char *config;
    const char *kept[KEPT_MAX];
    size_t n_kept;
};

static int usage_error(const char *message, const char *word)
{
    log_error("%s%s; see 'xl-dedup serve --help'", message, word);
    return XD_EXIT_USAGE;
}

static int parse_operands(struct serving *s, char **operands)
{
    for (; *operands; operands++)
        if (!strcmp(*operands, "push"))
            s->push = true;
        else if (!strcmp(*operands, "migrate"))
            s->migrate = true;
        else
            return usage_error("a key may push and migrate, not ", *operands);
    return s->push || s->migrate ? -1 :
        usage_error("it is to be said what the key may do: push, migrate or "
                    "both", "");
}

/* -1: go on; otherwise an exit status. */
static int parse(struct serving *s, int argc, char **argv)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "keep-env", required_argument, NULL, 'k' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1)
        switch (c) {
        case 'c':
            s->config = optarg;
            break;
        case 'k':
            if (s->n_kept == KEPT_MAX)
                return usage_error("too many --keep-env", "");
            s->kept[s->n_kept++] = optarg;
            break;
        case 'h':
            fputs(help, stdout);
            return XD_EXIT_OK;
        default:
            return XD_EXIT_USAGE;
        }
    /* A file that is not there would be an empty one elsewhere. */
    if (s->config && (s->config[0] != '/' || access(s->config, R_OK))) {
        log_error("%s, the configuration of this key, %s", s->config,
                  s->config[0] == '/' ? "cannot be read" :
                  "is no absolute path");
        return XD_EXIT_USAGE;
    }
    return parse_operands(s, argv + optind);
}

/* --- what was asked for --------------------------------------------------- */

static bool take(const char **text, const char *word)
{
    size_t n = strlen(word);

    if (strncmp(*text, word, n))
        return false;
    *text += n;
    return true;
}

/* Takes " -v" to " -vvvvvvvv"; verbose gets the word, or "". */
static bool take_verbose(const char **text, char verbose[VERBOSE_MAX + 2])
{
    size_t n;

    verbose[0] = '\0';
    if (!take(text, " -v"))
        return true;
    n = 1 + strspn(*text, "v");
    if (n > VERBOSE_MAX)
        return false;
    *text += n - 1;
    verbose[0] = '-';
    memset(verbose + 1, 'v', n);
    verbose[n + 1] = '\0';
    return true;
}

/* The command line for what xl migrate --dedup asks for (libxlhooks/rune.c), in
 * the order in which it does.  False: it is something else. */
static bool make_receive_xl(const char *text, const char **argv)
{
    static char verbose[VERBOSE_MAX + 2];

    *argv++ = "xl-dedup";
    *argv++ = "receive-xl";
    *argv++ = "--";
    if (!take(&text, RECEIVE_XL))
        return false;
    if (take(&text, " -t"))
        *argv++ = "-t";
    if (take(&text, " -T"))
        *argv++ = "-T";
    if (!take_verbose(&text, verbose))
        return false;
    if (*verbose)
        *argv++ = verbose;
    if (!take(&text, MIGRATE_RECEIVE))
        return false;
    *argv++ = &MIGRATE_RECEIVE[1];
    if (take(&text, " -e"))
        *argv++ = "-e";
    if (take(&text, " -d"))
        *argv++ = "-d";
    if (take(&text, " -p"))
        *argv++ = "-p";
    *argv = NULL;
    return !*text;
}

/* What every key may ask for; what the key may do is said to what runs: a push
 * or the dry run of either, and the report for xl-dedup doctor. */
static bool make_common(const struct serving *s, const char *text,
                        const char **argv)
{
    bool report = !strcmp(text, REPORT);

    *argv++ = "xl-dedup";
    *argv++ = report ? "doctor" : "receive";
    if (report)
        *argv++ = "--report";
    if (s->push)
        *argv++ = "push";
    if (s->migrate)
        *argv++ = "migrate";
    *argv = NULL;
    return report || !strcmp(text, RECEIVE);
}

/* What follows a migration (plugin/xl/handover.c). */
static bool make_adopt(const char *text, const char **argv)
{
    *argv++ = "xl-dedup";
    *argv++ = "adopt";
    *argv = NULL;
    return !strcmp(text, ADOPT);
}

/* --- doing it ------------------------------------------------------------- */

static int refuse(const struct serving *s, const char *command)
{
    const char *may = s->push && s->migrate ?
        "be used by 'xl-dedup push' and by 'xl migrate --dedup'" : s->push ?
        "be used by 'xl-dedup push'" : "be used by 'xl migrate --dedup'";

    if (command)
        log_lasting(XTL_ERROR, "this key may only %s, not for '%.200s'", may,
                    command);
    else
        log_lasting(XTL_ERROR, "this key may only %s, not to log in", may);
    return XD_EXIT_USAGE;
}

static int clean_environment(const struct serving *s)
{
    char *values[KEPT_MAX] = { NULL };
    bool ok = true;
    size_t i;

    for (i = 0; i < s->n_kept; i++) {
        const char *value = getenv(s->kept[i]);

        values[i] = value ? strdup(value) : NULL;
        ok = ok && (!value || values[i]);
    }
    ok = ok && !clearenv() && !setenv("PATH", ENVIRONMENT_PATH, 1) &&
        !setenv("HOME", "/root", 1) && !setenv("LC_ALL", "C.UTF-8", 1) &&
        (!s->config || !setenv("XL_DEDUP_CONFIG", s->config, 1));
    for (i = 0; i < s->n_kept; i++) {
        ok = ok && (!values[i] || !setenv(s->kept[i], values[i], 1));
        free(values[i]);
    }
    return ok ? 0 : -ENOMEM;
}

static int run(const struct serving *s, const char *const *argv)
{
    int rc = clean_environment(s);

    if (!rc) {
        execv(SELF, (char *const *)argv);
        rc = -errno;
    }
    log_errno(rc, "xl-dedup cannot be run");
    return XD_EXIT_FAILED;
}

int cmd_serve(int argc, char **argv)
{
    const char *command = getenv("SSH_ORIGINAL_COMMAND"), *words[WORDS];
    struct serving s = { .push = false };
    int status = parse(&s, argc, argv);

    if (status >= 0)
        return status;
    if (!command && !getenv("SSH_CONNECTION")) {
        log_error("serve is run by sshd as the command of a key; see "
                  "xl-dedup(8)");
        return XD_EXIT_USAGE;
    }
    if (!command)
        return refuse(&s, NULL);
    if (make_common(&s, command, words) ||
        (s.migrate && (make_receive_xl(command, words) ||
                       make_adopt(command, words))))
        return run(&s, words);
    return refuse(&s, command);
}
