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
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/escape.h"
#include "plugin/base/exit.h"
#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/base/safe_path.h"
#include "plugin/cmd/commands.h"
#include "plugin/cmd/util.h"
#include "plugin/image/users.h"
#include "plugin/image/wipe.h"
#include "plugin/state/configuration.h"
#include "plugin/state/record.h"
#include "plugin/state/unfinished.h"
#include "plugin/target/destination_path.h"
#include "plugin/target/staging.h"

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
"  -o, --older-than=N  older than N days, minutes with m, hours with h after\n"
"                      the number\n"
"  -w, --wipe          overwrite with zeros: files before they are removed, and\n"
"                      of the PATHs also block devices that a failed try has\n"
"                      begun to write to, if nobody has since\n"
"  -h, --help          this text\n"
"\n"
"Exit status: 0 done, 2 something could not be removed or is not there, 64\n"
"wrong use.\n";

struct cleaning {
    const char *state_dir;
    int64_t seconds;            /* at least so old; -1: not given */
    bool dry_run;
    bool wipe;
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
    staging = destination_staging_path(path, NULL);
    /* Another source's has a name after it. */
    same = staging && !strncmp(staging, r->path, strlen(staging)) &&
        (!r->path[strlen(staging)] || r->path[strlen(staging)] == '-');
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

/* Overwrites and removes an open staging file, unless a migration holds its
 * lock.  The record goes under the lock, or it might be that of the next
 * one. */
static int remove_open(const struct cleaning *c, const struct record *r,
                       int directory, int fd)
{
    struct record_key key = { r->uuid, r->vdev, r->path };
    int rc = 0;

    if (flock(fd, LOCK_EX | LOCK_NB))
        return -errno;
    if (c->dry_run)
        return 0;
    if (c->wipe)
        rc = wipe_image(fd);
    if (!rc && unlinkat(directory, path_basename(r->path), 0))
        rc = -errno;
    if (!rc)
        record_remove(c->state_dir, &key);
    return rc;
}

static void forget(const struct cleaning *c, const struct record *r)
{
    struct record_key key = { r->uuid, r->vdev, r->path };

    if (!c->dry_run)
        record_remove(c->state_dir, &key);
}

/* A record says no more than that we have made such a file there: what has its
 * name now must be one. */
static int remove_staging(const struct cleaning *c, const struct record *r,
                          char *why, size_t size)
{
    char *path = path_dirname(r->path);
    struct stat st;
    int directory, fd, rc;

    if (!path)
        return explain(why, size, -ENOMEM, "out of memory");
    directory = staging_is_name(r->path) ?
        safe_path_open(path, strlen(path), why, size) :
        explain(why, size, -EINVAL, "the record of %s is damaged", r->path);
    free(path);
    fd = directory < 0 ? directory :
        staging_open(directory, path_basename(r->path),
                     c->wipe ? O_RDWR : O_RDONLY, r->path, &st, why, size);
    if (fd == -ENOENT)
        forget(c, r);
    rc = fd == -ENOENT ? 0 : fd;
    if (fd >= 0) {
        rc = remove_open(c, r, directory, fd);
        if (rc)
            explain(why, size, rc, "%s: %s", r->path, strerror(-rc));
        close(fd);
    }
    if (directory >= 0)
        close(directory);
    return rc;
}

static int clean_staging(const struct cleaning *c, const struct record *r)
{
    uint64_t bytes = unfinished_bytes(r->path);
    char path[4096], why[4096];
    int rc = remove_staging(c, r, why, sizeof(why));

    if (rc == -EWOULDBLOCK)
        log_warn("%s is being written and left alone", r->path);
    else if (rc)
        log_error("%s", why);
    else
        printf("%s %s (%.1f MB)\n", c->dry_run ? "would remove" : "removed",
               text_escape(r->path, path, sizeof(path)), bytes / 1e6);
    return rc;
}

/* Only what the failed try has written, and nobody since, may go. */
static int wipe_open_device(const struct cleaning *c, const struct record *r,
                            int fd)
{
    struct record_key key = { r->uuid, r->vdev, r->path };
    const struct image img = { .fd = fd, .direct_fd = -1, .block = true };
    char user[256];
    int rc;

    if (users_find(fd, user, sizeof(user))) {
        log_error("%s is in use by %s and left alone", r->path, user);
        return -EBUSY;
    }
    if (record_compare(c->state_dir, &key, &img) != RECORD_SAME) {
        log_error("%s may have been written to since that try failed, and is "
                  "left alone; if what is there is nobody's, overwrite it with "
                  "blkdiscard -z", r->path);
        return -ESTALE;
    }
    if (c->dry_run)
        return 0;
    rc = wipe_image(fd);
    if (rc)
        log_errno(rc, "%s could not be overwritten, it may be so in part",
                  r->path);
    else
        record_remove(c->state_dir, &key);
    return rc;
}

/* A device stays, and what it holds of a guest's disk with it.  It is only
 * overwritten if it was named. */
static int clean_device(const struct cleaning *c, const struct record *r)
{
    char path[4096];
    int fd, rc;

    text_escape(r->path, path, sizeof(path));
    if (!c->wipe && c->n_paths > 0) {
        log_error("%s is a device, and holds a part of a disk; --wipe "
                  "overwrites it", r->path);
        return -EINVAL;
    }
    if (c->n_paths == 0) {
        printf("%s holds a part of a disk; 'xl-dedup clean --wipe %s' "
               "overwrites it\n", path, path);
        return 0;
    }
    /* Exclusive: neither mounted nor part of something else, and no try. */
    fd = open(r->path, O_RDWR | O_EXCL | O_CLOEXEC);
    if (fd < 0) {
        log_errno(-errno, "%s cannot be opened for this alone", r->path);
        return -errno;
    }
    rc = wipe_open_device(c, r, fd);
    close(fd);
    if (!rc)
        printf("%s %s\n", c->dry_run ? "would overwrite" : "overwrote", path);
    return rc;
}

static int clean_one(void *opaque, const struct record *r)
{
    struct cleaning *c = opaque;
    int rc;

    if (!unfinished_is_begun(r) || !is_wanted(c, r))
        return 0;
    rc = unfinished_is_staging(r) ? clean_staging(c, r) : clean_device(c, r);
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
        { "wipe", no_argument, NULL, 'w' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    struct cleaning c = { .seconds = -1 };
    struct configuration conf;
    int o, status;

    while ((o = getopt_long(argc, argv, "ano:wh", options, NULL)) != -1)
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
        case 'w':
            c.wipe = true;
            break;
        case 'h':
            fputs(help, stdout);
            return cmd_finish(XD_EXIT_OK);
        default:
            return XD_EXIT_USAGE;
        }
    if (log_exit("clean", configuration_load(&conf)))
        return XD_EXIT_FAILED;
    c.paths = argv + optind;
    c.n_paths = argc - optind;
    status = clean(&c, &conf);
    configuration_release(&conf);
    return cmd_finish(status);
}
