/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl-dedup clean: removes what failed tries left on this host. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "plugin/base/escape.h"
#include "plugin/base/exit.h"
#include "plugin/base/log.h"
#include "plugin/cmd/commands.h"
#include "plugin/cmd/util.h"
#include "plugin/state/configuration.h"
#include "plugin/state/record.h"
#include "plugin/state/unfinished.h"
#include "plugin/target/destination_path.h"

#define DAYS_MAX 36500

static const char help[] =
"Usage: xl-dedup clean [OPTION]... [PATH]...\n"
"\n"
"Removes unfinished copies that failed tries left on this host: those of the\n"
"PATHs, which are the disk's or the staging file's as 'xl-dedup status' shows\n"
"it, or all that nobody went on with for 14 days (or 'remind' in\n"
"xl-dedup.conf). One that is being written is left alone. Finished copies are\n"
"never touched.\n"
"\n"
"  -a, --all           whatever their age\n"
"  -n, --dry-run       only say what would be removed\n"
"  -o, --older-than=N  older than N days, minutes with m, hours with h behind\n"
"                      the number\n"
"  -h, --help          this text\n"
"\n"
"Exit status: 0 done, 2 something could not be removed or is not there, 64\n"
"wrong use.\n";

struct cleaning {
    const char *state_dir;
    int64_t seconds;            /* at least so old; -1: not given */
    bool dry_run;
    char **paths;
    int n_paths;
    bool *found;                /* by path */
    bool failed;
};

/* Whether path is the record's staging file or what that is to become. */
static bool names(const char *path, const struct record *r)
{
    char *staging;
    bool same;

    if (!strcmp(path, r->path))
        return true;
    staging = destination_staging_path(path);
    same = staging && !strcmp(staging, r->path);
    free(staging);
    return same;
}

static bool is_wanted(const struct cleaning *c, const struct record *r)
{
    bool wanted = c->n_paths == 0;
    int i;

    for (i = 0; i < c->n_paths; i++)
        if (names(c->paths[i], r))
            wanted = c->found[i] = true;
    return wanted && (c->seconds < 0 || unfinished_age(r) >= c->seconds);
}

/* Removes a staging file unless a migration holds its lock.  The record goes
 * under the lock, or it might be that of the next one. */
static int remove_staging(const struct cleaning *c, const struct record *r)
{
    struct record_key key = { r->uuid, r->vdev, r->path };
    int fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc = 0;

    if (fd < 0 && errno != ENOENT)
        return -errno;
    if (fd >= 0 && (flock(fd, LOCK_EX | LOCK_NB) ||
                    (!c->dry_run && unlink(r->path))))
        rc = -errno;
    if (!rc && !c->dry_run)
        record_remove(c->state_dir, &key);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int clean_one(void *opaque, const struct record *r)
{
    uint64_t bytes = unfinished_bytes(r->path);
    struct cleaning *c = opaque;
    char path[4096];
    int rc;

    if (!unfinished_is_staging(r) || !is_wanted(c, r))
        return 0;
    rc = remove_staging(c, r);
    if (rc == -EWOULDBLOCK)
        log_warn("%s is being written and left alone", r->path);
    else if (rc)
        log_errno(rc, "%s", r->path);
    else
        printf("%s %s (%.1f MB)\n", c->dry_run ? "would remove" : "removed",
               text_escape(r->path, path, sizeof(path)), bytes / 1e6);
    /* What was named is expected to go. */
    if (rc && (rc != -EWOULDBLOCK || c->n_paths > 0))
        c->failed = true;
    return 0;
}

static int parse_age(const char *text, int64_t *seconds_r)
{
    char *end;
    long n = strtol(text, &end, 10);
    long unit = !*end || !strcmp(end, "d") ? 86400 :
        !strcmp(end, "h") ? 3600 : !strcmp(end, "m") ? 60 : 0;

    if (*text < '0' || *text > '9' || !unit || n > DAYS_MAX * 86400L / unit) {
        log_error("'%s' is no age: a number of days, or one followed by d, h "
                  "or m, is wanted", text);
        return -EINVAL;
    }
    *seconds_r = (int64_t)n * unit;
    return 0;
}

static int clean(struct cleaning *c, const struct configuration *conf)
{
    int i;

    if (c->seconds < 0 && c->n_paths == 0) {
        if (!conf->remind_days) {
            log_error("the configuration says that no unfinished copy is "
                      "ever old; say --older-than, --all or a path");
            return XD_EXIT_USAGE;
        }
        c->seconds = (int64_t)conf->remind_days * 86400;
    }
    c->state_dir = conf->state_dir;
    c->found = calloc(c->n_paths + 1, sizeof(*c->found));
    if (!c->found)
        return XD_EXIT_FAILED;
    record_list(conf->state_dir, clean_one, c);
    for (i = 0; i < c->n_paths; i++)
        if (!c->found[i]) {
            log_error("there is no unfinished copy of %s; 'xl-dedup status' "
                      "lists them", c->paths[i]);
            c->failed = true;
        }
    free(c->found);
    return c->failed ? XD_EXIT_FAILED : XD_EXIT_OK;
}

int cmd_clean(int argc, char **argv)
{
    static const struct option options[] = {
        { "all", no_argument, NULL, 'a' },
        { "dry-run", no_argument, NULL, 'n' },
        { "older-than", required_argument, NULL, 'o' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    struct cleaning c = { .seconds = -1 };
    struct configuration conf;
    int o, status;

    while ((o = getopt_long(argc, argv, "ano:h", options, NULL)) != -1)
        switch (o) {
        case 'a':
            c.seconds = 0;
            break;
        case 'n':
            c.dry_run = true;
            break;
        case 'o':
            if (parse_age(optarg, &c.seconds))
                return XD_EXIT_USAGE;
            break;
        case 'h':
            fputs(help, stdout);
            return cmd_finish(XD_EXIT_OK);
        default:
            return XD_EXIT_USAGE;
        }
    if (configuration_load(&conf))
        return XD_EXIT_FAILED;
    c.paths = argv + optind;
    c.n_paths = argc - optind;
    status = clean(&c, &conf);
    configuration_release(&conf);
    return cmd_finish(status);
}
