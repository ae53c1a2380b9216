/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl-dedup status: what this host keeps of migrations. */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "plugin/base/escape.h"
#include "plugin/base/exit.h"
#include "plugin/base/log.h"
#include "plugin/cmd/commands.h"
#include "plugin/cmd/util.h"
#include "plugin/state/configuration.h"
#include "plugin/state/record.h"
#include "plugin/state/unfinished.h"

#define DAY 86400

static const char help[] =
"Usage: xl-dedup status [--json] [--check]\n"
"\n"
"Lists what this host knows of disks that came or went: copies (received: a\n"
"guest's disk came here; left: the guest went on to another host), unfinished\n"
"staging files of failed tries and devices that are being received, which the\n"
"next try goes on with, and permissions to overwrite. MB is what the disk is\n"
"long, on disk what its file takes. Begun ones that nobody went on with for "
"14\n"
"days (or 'remind' in xl-dedup.conf) are marked as old; 'xl-dedup clean'\n"
"removes the files among them.\n"
"\n"
"  -c, --check  list the old ones only, and tell by the exit status whether\n"
"               there are any\n"
"      --json   one JSON object instead of a table\n"
"  -h, --help   this text\n"
"\n"
"Exit status: 0 listed, 1 with --check: there are old ones, 2 failed, 64 "
"wrong\n"
"use.\n";

struct listing {
    const struct configuration *conf;
    bool check;
    bool failed;
    struct json_object *rows;   /* NULL: print a table */
    unsigned old;
    struct unfinished unfinished;
};

static bool is_old(const struct listing *l, const struct record *r)
{
    return l->conf->remind_days > 0 && unfinished_is_begun(r) &&
        unfinished_age(r) >= (int64_t)l->conf->remind_days * DAY;
}

/* "3d 4h": two units are enough to judge by. */
static void format_age(int64_t seconds, char *text, size_t size)
{
    int64_t minutes = (seconds < 0 ? 0 : seconds) / 60;

    if (minutes >= 24 * 60)
        snprintf(text, size, "%" PRId64 "d %" PRId64 "h", minutes / (24 * 60),
                 minutes / 60 % 24);
    else
        snprintf(text, size, "%" PRId64 "h %" PRId64 "m", minutes / 60,
                 minutes % 60);
}

static void print_row(const struct record *r, bool old)
{
    char when[32] = "?", age[32], role[64], disk[4096], path[4096];
    time_t t = r->time;
    struct tm tm;

    if (localtime_r(&t, &tm))
        strftime(when, sizeof(when), "%F %T", &tm);
    text_escape_word(r->role, role, sizeof(role));
    text_escape_word(r->vdev, disk, sizeof(disk));
    format_age(unfinished_age(r), age, sizeof(age));
    printf("%-10s %-8s %s %8s %10.1f %10.1f %s%s\n", role, disk, when, age,
           r->size / 1e6, unfinished_bytes(r->path) / 1e6,
           text_escape(r->path, path, sizeof(path)),
           access(r->path, F_OK) ? " (gone)" : old ? " (old)" : "");
}

static int add(struct json_object *o, const char *key, struct json_object *v)
{
    return v ? json_object_object_add(o, key, v) : -1;
}

static struct json_object *json_row(const struct record *r, bool old)
{
    struct json_object *o = json_object_new_object();

    if (o && (add(o, "what", cmd_json_text(r->role)) ||
              add(o, "disk", cmd_json_text(r->vdev)) ||
              add(o, "uuid", cmd_json_text(r->uuid)) ||
              add(o, "path", cmd_json_text(r->path)) ||
              add(o, "time", json_object_new_int64(r->time)) ||
              add(o, "age", json_object_new_int64(unfinished_age(r))) ||
              add(o, "size", json_object_new_int64(r->size)) ||
              add(o, "allocated",
                  json_object_new_int64(unfinished_bytes(r->path))) ||
              add(o, "exists",
                  json_object_new_boolean(!access(r->path, F_OK))) ||
              add(o, "old", json_object_new_boolean(old)))) {
        json_object_put(o);
        return NULL;
    }
    return o;
}

static int show(void *opaque, const struct record *r)
{
    struct listing *l = opaque;
    bool old = is_old(l, r) && !access(r->path, F_OK);
    struct json_object *o;

    l->old += old;
    if (unfinished_is_staging(r) && !access(r->path, F_OK)) {
        l->unfinished.count++;
        l->unfinished.bytes += unfinished_bytes(r->path);
    }
    if (l->check && !old)
        return 0;
    if (!l->rows) {
        print_row(r, old);
        return 0;
    }
    o = json_row(r, old);
    if (!o || json_object_array_add(l->rows, o)) {
        json_object_put(o);
        l->failed = true;
    }
    return 0;
}

static int print_json(struct listing *l)
{
    struct json_object *o = json_object_new_object();

    if (!o || l->failed || add(o, "records", json_object_get(l->rows)) ||
        add(o, "unfinished", json_object_new_int64(l->unfinished.count)) ||
        add(o, "unfinished_bytes",
            json_object_new_int64(l->unfinished.bytes)) ||
        add(o, "old", json_object_new_int64(l->old)) ||
        add(o, "remind_days",
            json_object_new_int64(l->conf->remind_days))) {
        json_object_put(o);
        o = NULL;
    }
    return cmd_print_json(o, "");
}

static int list(struct listing *l, bool json)
{
    if (json)
        l->rows = json_object_new_array();
    if (json && !l->rows) {
        log_error("no memory for the JSON output");
        return XD_EXIT_FAILED;
    }
    if (!json && !l->check)
        printf("%-10s %-8s %-19s %8s %10s %10s %s\n", "what", "disk", "when",
               "age", "MB", "on disk", "path");
    if (log_exit("status", record_list(l->conf->state_dir, show, l)))
        return XD_EXIT_FAILED;
    if (json && print_json(l))
        return XD_EXIT_FAILED;
    return l->check && l->old ? XD_EXIT_DIFFERENT : XD_EXIT_OK;
}

int cmd_status(int argc, char **argv)
{
    static const struct option options[] = {
        { "check", no_argument, NULL, 'c' },
        { "json", no_argument, NULL, 'J' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    struct configuration conf;
    struct listing l = { .conf = &conf };
    bool json = false;
    int c, status;

    while ((c = getopt_long(argc, argv, "ch", options, NULL)) != -1)
        switch (c) {
        case 'c':
            l.check = true;
            break;
        case 'J':
            json = true;
            break;
        case 'h':
            fputs(help, stdout);
            return cmd_finish(XD_EXIT_OK);
        default:
            return XD_EXIT_USAGE;
        }
    if (optind < argc) {
        log_error("status takes no arguments; see 'xl-dedup status --help'");
        return XD_EXIT_USAGE;
    }
    if (log_exit("status", configuration_load(&conf)))
        return XD_EXIT_FAILED;
    status = list(&l, json);
    json_object_put(l.rows);
    configuration_release(&conf);
    return cmd_finish(status);
}
