/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl-dedup status: what this host keeps of migrations, and
 * xl-dedup clean: removes what failed tries left.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "plugin/commands.h"
#include "plugin/configuration.h"
#include "plugin/log.h"
#include "plugin/record.h"

#define OLD_DAYS 7
#define DAY 86400

static const char status_help[] =
"Usage: xl-dedup status\n"
"\n"
"Lists what this host knows of disks that came or went: copies (received: a\n"
"guest's disk came here; left: the guest went on to another host), unfinished\n"
"staging files of failed tries, which the next try goes on with, and\n"
"permissions to overwrite. Unfinished ones older than a week are pointed out;\n"
"'xl-dedup clean' removes them.\n"
"\n"
"  -h, --help   this text\n"
"\n"
"Exit status: 0 listed, 2 failed, 64 wrong use.\n";

static const char clean_help[] =
"Usage: xl-dedup clean [--all] [PATH]...\n"
"\n"
"Removes staging files that failed tries left on this host: those named (as\n"
"'xl-dedup status' shows them), or those older than a week. One that is being\n"
"written is left alone. Finished copies are never touched.\n"
"\n"
"  -a, --all    whatever their age\n"
"  -h, --help   this text\n"
"\n"
"Exit status: 0 done, 2 failed, 64 wrong use.\n";

/* Age of an unfinished file: since it was last written. */
static int64_t age_of(const struct record *r)
{
    struct stat st;
    int64_t when = r->time;

    if (!stat(r->path, &st) && st.st_mtime > when)
        when = st.st_mtime;
    return time(NULL) - when;
}

static uint64_t bytes_kept(const char *path)
{
    struct stat st;

    return stat(path, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

static int show(void *opaque, const struct record *r)
{
    char when[32] = "?";
    time_t t = r->time;
    struct tm tm;
    bool unfinished = !strcmp(r->role, RECORD_UNFINISHED);

    (void)opaque;
    if (localtime_r(&t, &tm))
        strftime(when, sizeof(when), "%F %T", &tm);
    printf("%-10s %-8s %s %10.1f %s%s\n", r->role, r->vdev, when,
           (unfinished ? bytes_kept(r->path) : r->size) / 1e6, r->path,
           access(r->path, F_OK) ? " (gone)" :
           unfinished && age_of(r) > OLD_DAYS * DAY ? " (old)" : "");
    return 0;
}

struct cleaning {
    const char *state_dir;
    bool all;
    char **paths;
    int n_paths;
    int failed;
};

static bool is_wanted(const struct cleaning *c, const struct record *r)
{
    int i;

    for (i = 0; i < c->n_paths; i++)
        if (!strcmp(c->paths[i], r->path))
            return true;
    return c->n_paths == 0 && (c->all || age_of(r) > OLD_DAYS * DAY);
}

/* Removes a staging file unless a migration holds its lock. */
static int remove_staging(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc = 0;

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) || unlink(path))
        rc = -errno;
    close(fd);
    return rc;
}

static int clean_one(void *opaque, const struct record *r)
{
    struct record_key key = { r->uuid, r->vdev, r->path };
    struct cleaning *c = opaque;
    uint64_t bytes = bytes_kept(r->path);
    int rc;

    if (strcmp(r->role, RECORD_UNFINISHED) || !is_wanted(c, r))
        return 0;
    rc = remove_staging(r->path);
    if (rc == -EWOULDBLOCK) {
        log_warn("%s is being written and left alone", r->path);
    } else if (rc) {
        log_errno(rc, "%s", r->path);
        c->failed = rc;
    } else {
        record_remove(c->state_dir, &key);
        printf("removed %s (%.1f MB)\n", r->path, bytes / 1e6);
    }
    return 0;
}

/* -1: go on; otherwise an exit status. */
static int parse(int argc, char **argv, const char *help, bool *all)
{
    static const struct option options[] = {
        { "all", no_argument, NULL, 'a' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, all ? "ah" : "h", options,
                            NULL)) != -1) {
        if (c == 'h') {
            fputs(help, stdout);
            return XD_EXIT_OK;
        }
        if (c != 'a' || !all)
            return XD_EXIT_USAGE;
        *all = true;
    }
    return -1;
}

int cmd_status(int argc, char **argv)
{
    struct configuration conf;
    int status = parse(argc, argv, status_help, NULL);

    if (status >= 0)
        return status;
    if (optind < argc) {
        log_error("status takes no arguments; see 'xl-dedup status --help'");
        return XD_EXIT_USAGE;
    }
    if (configuration_load(&conf))
        return XD_EXIT_FAILED;
    printf("%-10s %-8s %-19s %10s %s\n", "what", "disk", "when", "MB", "path");
    record_list(conf.state_dir, show, NULL);
    configuration_release(&conf);
    return XD_EXIT_OK;
}

int cmd_clean(int argc, char **argv)
{
    struct cleaning c = { 0 };
    struct configuration conf;
    int status = parse(argc, argv, clean_help, &c.all);

    if (status >= 0)
        return status;
    if (configuration_load(&conf))
        return XD_EXIT_FAILED;
    c.state_dir = conf.state_dir;
    c.paths = argv + optind;
    c.n_paths = argc - optind;
    record_list(conf.state_dir, clean_one, &c);
    configuration_release(&conf);
    return c.failed ? XD_EXIT_FAILED : XD_EXIT_OK;
}
