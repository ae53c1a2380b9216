/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of xl migrate --dedup; see options.h. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xentoollog.h>

#include "libxlhooks/options.h"
#include "plugin/base/escape.h"
#include "plugin/base/hostname.h"

#define DEDUP "--dedup"
#define DRY_RUN_OPTION "-dry-run"
#define SHORT_WITH_VALUE "Cs"
#define DRY_RUN 0x300            /* xl migrate itself has no such option */
#define LEVEL_MAX 19            /* zstd's, without its "ultra" levels */

/* Is this argument one of ours? */
static bool is_dedup(const char *arg)
{
    size_t n = strlen(DEDUP);

    return !strncmp(arg, DEDUP, n) && strchr("=-", arg[n]); /* or its end */
}

int options_command(int argc, char **argv)
{
    int i;

    for (i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--"))
            return i + 1;
        if (argv[i][0] != '-' || !argv[i][1])
            return i;
        if (argv[i][1 + strspn(argv[i] + 1, "vftTN")])
            return argc;
    }
    return argc;
}

/* How many arguments the option at argv[0] takes up, given that it is one of
 * xl's: 2 if its value is the next one. */
static int option_width(const char *arg)
{
    if (arg[1] == '-')
        return 1;       /* none of xl's long ones has a value */
    arg += 1 + strcspn(arg + 1, SHORT_WITH_VALUE);
    return *arg && !arg[1] ? 2 : 1;
}

/*
 * Splits migrate's arguments.  xl's own go to rest, in order and ended by
 * NULL, ours to ours; either may be NULL.  Returns how many are ours.
 * getopt's rules: options may stand anywhere before "--" (unless
 * POSIXLY_CORRECT), and a value is never an option.
 */
static size_t split(char **argv, char **rest, char **ours)
{
    bool in_order = getenv("POSIXLY_CORRECT") != NULL, ended = false;
    size_t n = 0;
    int width;

    while (*argv) {
        width = 1;
        if (!ended && !strcmp(*argv, "--")) {
            ended = true;
        } else if (!ended && is_dedup(*argv)) {
            if (ours)
                ours[n] = *argv;
            n++;
            argv++;
            continue;
        } else if (!ended && (*argv)[0] == '-' && (*argv)[1]) {
            width = option_width(*argv);
        } else {
            ended = ended || in_order;
        }
        for (; width && *argv; width--, argv++)
            if (rest)
                *rest++ = *argv;
    }
    if (rest)
        *rest = NULL;
    return n;
}

bool options_wanted(int argc, char **argv)
{
    int command = options_command(argc, argv);

    /* no abbreviation is possible: xl has migrate-receive as well */
    return command < argc && !strcmp(argv[command], "migrate") &&
           split(argv + command + 1, NULL, NULL) > 0;
}

bool options_own_rune(const struct options *o)
{
    return o->ssh && !*o->ssh;
}

static int wrong(const char *problem, const char *arg)
{
    char shown[4096];

    fprintf(stderr, "xl migrate --dedup: %s%s\n"
            "Try 'xl migrate --dedup --help'.\n", problem,
            text_escape_line(arg, shown, sizeof(shown)));
    return -EINVAL;
}

static void parse_global(struct options *o, char **argv)
{
    const char *p;
    int i;

    for (i = 1; i <= o->num_global; i++)
        for (p = argv[i] + 1; *p; p++) {
            o->progress_cr |= *p == 't';
            o->timestamps |= *p == 'T';
            if (*p == 'v' && o->verbosity < XTL_PROGRESS)
                o->verbosity++;
        }
}

/* Checks what we know of; the list of all is the helper's. */
static int check_passed(const char *arg)
{
    const char *name = arg + strlen(DEDUP) + 1, *value = strchr(arg, '=');
    size_t n = value ? (size_t)(value - name) : strlen(name);
    char *end;
    long level;

    if (!n || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") < n)
        return wrong("bad option name: ", arg);
#define IS(s) (n == strlen(s) && !strncmp(name, s, n))
    if (IS("control-fd") || IS("host") || IS("parts") || IS("help") ||
        IS("domain") || IS("config"))
        return wrong("no such option: ", arg);
    if ((IS("dry-run") || IS("remove-source") || IS("wipe-source") ||
         IS("keep-config")) && value)
        return wrong("this takes no value: ", arg);
    if (IS("level")) {
        level = value ? strtol(value + 1, &end, 10) : 0;
        if (level < 1 || level > LEVEL_MAX || *end)
            return wrong("the level is a number from 1 to 19: ", arg);
    }
#undef IS
    return 0;
}

/* What of ours is for the helper: --dedup-NAME[=VALUE] is its --NAME[=VALUE],
 * --dedup=PARTS its --parts=PARTS.  0 and NULL: nothing. */
static int translate(const char *arg, char **passed_r)
{
    const char *rest = arg + strlen(DEDUP);
    int rc;

    *passed_r = NULL;
    if (!*rest || !strcmp(rest, DRY_RUN_OPTION))
        return 0;
    if (*rest == '=') {
        if (strcmp(rest, "=disk") && strcmp(rest, "=memory"))
            return wrong("only disk or memory can be deduplicated: ", arg);
        return asprintf(passed_r, "--parts%s", rest) < 0 ? -ENOMEM : 0;
    }
    rc = check_passed(arg);
    return rc ? rc : asprintf(passed_r, "-%s", rest) < 0 ? -ENOMEM : 0;
}

static int parse_ours(struct options *o, char **ours, size_t num)
{
    size_t i;
    char *passed;
    int rc;

    o->passed = calloc(num, sizeof(*o->passed));
    if (!o->passed)
        return -ENOMEM;
    for (i = 0; i < num; i++) {
        if (!strcmp(ours[i], DEDUP DRY_RUN_OPTION))
            o->dry_run = true;
        rc = translate(ours[i], &passed);
        if (rc)
            return rc;
        if (passed)
            o->passed[o->num_passed++] = passed;
    }
    return 0;
}

static int parse_xl_option(struct options *o, int opt, char **argv)
{
    char letter[2] = { optopt, '\0' };

    switch (opt) {
    case 'C':
        o->config = optarg;
        return 0;
    case 's':
        o->ssh = optarg;
        return 0;
    case 'F':
        o->foreground = o->no_monitor = true;
        return 0;
    case 'e':
        o->no_monitor_given = o->no_monitor = true;
        return 0;
    case 'p':
        o->paused = true;
        return 0;
    case 'D':
        o->preserve_domid = true;
        return 0;
    case 0x100:
        o->debug = true;
        return 0;
    case 0x200:
        o->live = true;
        return 0;
    case DRY_RUN:
        o->dry_run = true;
        return 0;
    case 'h':
        o->help = true;
        return 0;
    case ':':
        return wrong("option needs a value: -", letter);
    default:
        return optopt ? wrong("no such option: -", letter)
                      : wrong("no such option: ", argv[optind - 1]);
    }
}

static int parse_xl(struct options *o, int argc, char **argv)
{
    static const struct option long_options[] = {
        { "debug", no_argument, NULL, 0x100 },
        { "live", no_argument, NULL, 0x200 },
        { "dry-run", no_argument, NULL, DRY_RUN },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 }
    };
    int opt, rc = 0;

    opterr = 0;
    while (!rc && (opt = getopt_long(argc, argv, ":FC:s:epDh", long_options,
                                     NULL)) != -1)
        rc = parse_xl_option(o, opt, argv);
    if (rc || o->help)
        return rc;
    if (argc - optind < 2)
        return wrong("a domain and a host are required", "");
    if (argc - optind > 2)
        return wrong("too many arguments, beginning with ", argv[optind + 2]);
    o->domain = argv[optind];
    o->host = argv[optind + 1];
    if (!*o->host)
        return wrong("the host is empty", "");
    /* Nor does a command for sh begin so. */
    if (options_own_rune(o) ? o->host[0] == '-' : !hostname_is_one(o->host)) {
        wrong("this is no host: ", o->host);
        return -EDESTADDRREQ;
    }
    return 0;
}

int options_parse(struct options *o, int argc, char **argv)
{
    int command = options_command(argc, argv), num_rest, rc;
    char **rest, **ours;
    size_t num;

    memset(o, 0, sizeof(*o));
    o->num_global = command - 1;
    if (o->num_global && !strcmp(argv[o->num_global], "--"))
        o->num_global--;
    parse_global(o, argv);

    rest = calloc(argc + 1, sizeof(*rest));
    ours = calloc(argc + 1, sizeof(*ours));
    if (!rest || !ours) {
        rc = -ENOMEM;
        goto out;
    }
    rest[0] = argv[command];
    num = split(argv + command + 1, rest + 1, ours);
    for (num_rest = 0; rest[num_rest]; num_rest++)
        ;
    rc = parse_xl(o, num_rest, rest);
    if (!rc && !o->help)
        rc = parse_ours(o, ours, num);
out:
    if (rc == -ENOMEM)
        wrong("out of memory", "");
    free(rest);
    free(ours);
    return rc;
}

void options_release(struct options *o)
{
    size_t i;

    for (i = 0; i < o->num_passed; i++)
        free(o->passed[i]);
    free(o->passed);
    memset(o, 0, sizeof(*o));
}
