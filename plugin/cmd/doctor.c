/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl-dedup doctor [HOST]: looks at what a migration needs, of this host, of the
 * other one, and of a guest, before anything is copied.  Nothing is changed.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <json.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/exit.h"
#include "plugin/base/log.h"
#include "plugin/base/number.h"
#include "plugin/cmd/commands.h"
#include "plugin/cmd/doctor_ask.h"
#include "plugin/cmd/rsh.h"
#include "plugin/cmd/util.h"
#include "plugin/xl/diagnosis.h"
#include "plugin/xl/facts_host.h"
#include "plugin/xl/guest_needs.h"
#include "plugin/xl/judge_guest.h"
#include "plugin/xl/judge_host.h"

#define TIMEOUT 60                  /* seconds */
#define TIMEOUT_MAX 3600
#define REMOTE_WORDS 4              /* HOST, and what is run there */

static const char help[] =
"Usage: xl-dedup doctor [OPTION]... [HOST]\n"
"\n"
"Looks at what 'xl migrate --dedup' needs, before anything is copied: of this\n"
"host, of HOST, and of a guest. Each finding says what it is, why it matters\n"
"and what to do. Nothing is changed. xl-dedup must be installed on HOST.\n"
"\n"
"  -d, --domain=DOMAIN  whether this guest can be moved to HOST, too\n"
"  -C, --config=FILE    with the configuration that would be sent in place of\n"
"                       its own, as 'xl migrate -C' has it\n"
"  -e, --rsh=COMMAND    connect with COMMAND instead of ssh, as 'push' does\n"
"      --timeout=N      give up when HOST has not answered after N seconds "
"(60)\n"
"      --report         what runs on HOST: answers in lines of JSON\n"
"      --json           one JSON object instead of text\n"
"  -h, --help           this text\n"
"\n"
"Exit status: 0 nothing stands in the way (there may be warnings), 1 there is\n"
"an error among the findings, 2 it failed, 64 wrong use.\n";

struct doctor {
    struct rsh_place to;        /* without a host: this one only */
    const char *domain;
    const char *config;
    const char *rsh;
    const char **command;       /* rsh, split, with room for what it runs */
    unsigned seconds;
    bool json;
    bool report;
};

static const char this_host[] = "this host";

static int usage_error(const char *message)
{
    log_error("%s; see 'xl-dedup doctor --help'", message);
    return XD_EXIT_USAGE;
}

/* HOST is written as push has it, without a path. */
static int take_host(struct doctor *d, const char *host)
{
    char *place, why[256];
    int rc;

    if (asprintf(&place, "%s:/", host) < 0)
        return log_exit("doctor", -ENOMEM);
    rc = rsh_place_parse(&d->to, place, why, sizeof(why));
    free(place);
    if (rc || !d->to.host || strcmp(d->to.path, "/"))
        return usage_error(rc ? why : "this is no host");
    return -1;
}

static int take_operands(struct doctor *d, char **operands, int n)
{
    char why[256];
    int status = n == 1 && !d->report ? take_host(d, operands[0]) : -1;

    if (status >= 0)
        return status;
    if (n > 1 && !d->report)
        return usage_error("one host is enough");
    if (d->config && !d->domain)
        return usage_error("a configuration is that of a guest: --domain");
    if (!rsh_split(d->rsh, REMOTE_WORDS, &d->command, why, sizeof(why)))
        return -1;
    d->command = NULL;
    return usage_error(why);
}

/* -1: go on; otherwise an exit status. */
static int parse(struct doctor *d, int argc, char **argv)
{
    static const struct option options[] = {
        { "domain", required_argument, NULL, 'd' },
        { "config", required_argument, NULL, 'C' },
        { "rsh", required_argument, NULL, 'e' },
        { "timeout", required_argument, NULL, 't' },
        { "report", no_argument, NULL, 'r' },
        { "json", no_argument, NULL, 'J' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    unsigned long n;
    int c;

    while ((c = getopt_long(argc, argv, "d:C:e:h", options, NULL)) != -1)
        switch (c) {
        case 'd':
            d->domain = optarg;
            break;
        case 'C':
            d->config = optarg;
            break;
        case 'e':
            d->rsh = optarg;
            break;
        case 't':
            if (number_parse(optarg, 1, TIMEOUT_MAX, &n))
                return usage_error("--timeout is 1 to 3600 seconds");
            d->seconds = n;
            break;
        case 'r':
            d->report = true;
            break;
        case 'J':
            d->json = true;
            break;
        case 'h':
            fputs(help, stdout);
            return cmd_finish(XD_EXIT_OK);
        default:
            return XD_EXIT_USAGE;
        }
    return take_operands(d, argv + optind, argc - optind);
}

/* --- looking -------------------------------------------------------------- */

static json_object *ask_other(const struct doctor *d, json_object *questions,
                              struct diagnosis *f)
{
    const char **command = d->command;
    struct doctor_ask a = { d->to.shown, d->command, d->seconds };

    while (*command)
        command++;
    *command++ = d->to.host;
    *command++ = "xl-dedup";
    *command++ = "doctor";
    *command = "--report";
    return doctor_ask(&a, questions, f);
}

static void look_there(const struct doctor *d, const struct guest_needs *needs,
                       json_object *here, struct diagnosis *f)
{
    json_object *there = ask_other(d, needs->questions, f);

    if (!there)
        return;
    judge_host(f, d->to.shown, false, there);
    judge_hosts(f, d->to.shown, here, there);
    if (needs->config && facts_true(there, "guests"))
        judge_guest_there(f, d->to.shown, needs, there);
    json_object_put(there);
}

/* needs stays empty if there is nothing to be known. */
static void look_at_guest(const struct doctor *d, struct guest_needs *needs,
                          struct diagnosis *f)
{
    char why[512] = "";

    if (!guest_needs_read(needs, d->domain, d->config, why, sizeof(why))) {
        judge_guest_here(f, this_host, needs);
        return;
    }
    guest_needs_release(needs);
    diagnosis_add(f, FINDING_ERROR, "domain", this_host,
                  "only a guest that runs here can be moved",
                  "look whether 'xl list -l' knows it, and 'xl create -n' the "
                  "configuration",
                  "nothing is known of %s: %s", d->domain, why);
}

static int look(const struct doctor *d, struct diagnosis *f)
{
    struct guest_needs needs = { .n = 0 };
    json_object *here = facts_of_host(NULL, true);

    if (!here)
        return -ENOMEM;
    judge_host(f, this_host, true, here);
    if (d->domain)
        look_at_guest(d, &needs, f);
    if (d->to.host)
        look_there(d, &needs, here, f);
    guest_needs_release(&needs);
    json_object_put(here);
    return f->failed ? -ENOMEM : 0;
}

/* --- telling -------------------------------------------------------------- */

static void print_text(const struct diagnosis *f)
{
    const struct finding *o;
    size_t i;

    for (i = 0; i < f->n; i++) {
        o = &f->list[i];
        printf("%-8s %s: %s\n", finding_level_name(o->level), o->where,
               o->what);
        if (o->level != FINDING_OK)
            printf("         why: %s\n         do:  %s\n", o->why, o->way);
    }
    printf("%zu errors, %zu warnings\n", diagnosis_count(f, FINDING_ERROR),
           diagnosis_count(f, FINDING_WARNING));
}

static json_object *json_finding(const struct finding *o, bool *failed)
{
    json_object *j = json_object_new_object();

    facts_put_text(j, "level", finding_level_name(o->level), failed);
    facts_put_text(j, "check", o->check, failed);
    facts_put_text(j, "where", o->where, failed);
    facts_put_text(j, "what", o->what, failed);
    facts_put_text(j, "why", o->why, failed);
    facts_put_text(j, "do", o->way, failed);
    return j;
}

static int print_json(const struct diagnosis *f)
{
    json_object *all = json_object_new_object();
    json_object *list = json_object_new_array();
    bool failed = false;
    size_t i;

    for (i = 0; i < f->n; i++)
        facts_append(list, json_finding(&f->list[i], &failed), &failed);
    facts_put(all, "findings", list, &failed);
    facts_put(all, "errors", json_object_new_int64(
                  diagnosis_count(f, FINDING_ERROR)), &failed);
    facts_put(all, "warnings", json_object_new_int64(
                  diagnosis_count(f, FINDING_WARNING)), &failed);
    if (failed) {
        json_object_put(all);
        all = NULL;
    }
    return cmd_print_json(all, "");
}

static int examine(const struct doctor *d)
{
    struct diagnosis f = DIAGNOSIS_INIT;
    int rc = look(d, &f), status = XD_EXIT_FAILED;

    if (!rc) {
        status = diagnosis_count(&f, FINDING_ERROR) ? XD_EXIT_DIFFERENT :
            XD_EXIT_OK;
        if (!d->json)
            print_text(&f);
        else if (print_json(&f))
            status = XD_EXIT_FAILED;
    }
    diagnosis_release(&f);
    return rc ? log_exit("doctor", rc) : cmd_finish(status);
}

/* words: what the key may do for which this runs (serve.c); none: all. */
static int report(char **words)
{
    bool guests = !*words;

    for (; *words; words++)
        if (!strcmp(*words, "migrate"))
            guests = true;
        else if (strcmp(*words, "push"))
            return usage_error("--report is run by 'xl-dedup doctor HOST'");
    /* Whatever hangs here, nobody waits for it any more. */
    alarm(DOCTOR_REPORT_SECONDS);
    return log_exit("doctor", doctor_report(guests));
}

int cmd_doctor(int argc, char **argv)
{
    struct doctor d = { .rsh = "ssh", .seconds = TIMEOUT };
    int status = parse(&d, argc, argv);

    if (status < 0) {
        signal(SIGPIPE, SIG_IGN);
        status = d.report ? report(argv + optind) : examine(&d);
    }
    rsh_place_release(&d.to);
    free(d.command);
    return status;
}
