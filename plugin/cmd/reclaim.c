/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl-dedup reclaim: a guest that moved away is to run at this host again, from
 * what it left here. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "plugin/base/escape.h"
#include "plugin/base/exit.h"
#include "plugin/base/fdio.h"
#include "plugin/base/log.h"
#include "plugin/cmd/commands.h"
#include "plugin/cmd/util.h"
#include "plugin/state/configuration.h"
#include "plugin/state/moved.h"
#include "plugin/xl/guest_file.h"

static const char help[] =
"Usage: xl-dedup reclaim [GUEST|PATH]...\n"
"\n"
"When a guest has moved away by 'xl migrate --dedup', its images here are\n"
"marked as old, so that 'xl create' refuses them, and its configuration is set\n"
"aside. This undoes both for each GUEST, a name or a UUID, or for the guest\n"
"that has left the image PATH: the images are not marked any more, the\n"
"configuration has its name again, and the guest is started at boot if it was.\n"
"Make sure before that it does not run at the other host, and that what the\n"
"images hold, which is what they held when it moved, is what you want.\n"
"\n"
"Without an argument, lists the guests that have moved away.\n"
"\n"
"  -h, --help   this text\n"
"\n"
"Exit status: 0 done, 2 failed, or there is no such guest, 64 wrong use.\n";

struct reclaiming {
    const char *state_dir;
    const char *word;           /* the argument */
    bool found;
    bool failed;
};

static void print_time(char *text, size_t size, int64_t seconds)
{
    time_t t = seconds;
    struct tm tm;

    if (!localtime_r(&t, &tm) || !strftime(text, size, "%Y-%m-%d %H:%M", &tm))
        snprintf(text, size, "?");
}

static int list_one(void *opaque, const struct moved *m)
{
    char name[512], host[512], when[64], file[4096] = "";

    (void)opaque;
    print_time(when, sizeof(when), m->time);
    if (m->aside)
        text_escape(m->aside, file, sizeof(file));
    printf("%-16s %s  %s  %s%s%s%s\n",
           text_escape_word(m->name, name, sizeof(name)), when, m->uuid,
           text_escape_word(m->host, host, sizeof(host)),
           m->unsure ? ", perhaps" : "", *file ? "  " : "", file);
    return 0;
}

/* An image by any of its names, as a refusal may have told of it. */
static bool is_meant(const struct reclaiming *r, const struct moved *m)
{
    const char *word = r->word;
    size_t i;

    if (word[0] != '/')
        return !strcmp(m->name, word) || !strcmp(m->uuid, word);
    for (i = 0; i < m->n_images; i++)
        if (!strcmp(m->images[i].path, word) ||
            moved_image_is(r->state_dir, m, &m->images[i], word))
            return true;
    return false;
}

/* 0: the file is where it was; -EEXIST: another one is. */
static int put_back(const struct moved *m)
{
    struct stat st;
    char why[4096];
    int rc;

    /* It was never set aside, or is back already. */
    if (lstat(m->aside, &st) && errno == ENOENT)
        return lstat(m->config, &st) ? -errno : 0;
    rc = guest_file_rename(m->aside, m->config, why, sizeof(why));
    if (rc == -EEXIST)
        log_warn("%s is there already; the configuration that was set aside "
                 "stays as %s", m->config, m->aside);
    else if (rc)
        log_error("%s", why);
    return rc;
}

static int put_links_back(const struct moved *m)
{
    const struct moved_link *l;
    size_t i;
    int rc = 0, one;

    for (i = 0; i < m->links.n; i++) {
        l = &m->links.list[i];
        one = symlink(l->target, l->path) && errno != EEXIST ? -errno :
            fd_sync_directory_of(l->path);
        if (one)
            log_errno(one, "%s cannot be made again", l->path);
        rc = rc ? rc : one;
    }
    return rc;
}

static int reclaim_one(void *opaque, const struct moved *m)
{
    struct reclaiming *r = opaque;
    int rc = 0;

    if (!is_meant(r, m))
        return 0;
    r->found = true;
    if (m->config)
        rc = put_back(m);
    if (rc == -ENOENT)
        log_warn("the configuration %s is neither there nor set aside any "
                 "more", m->config);
    /* Another file may not be what was started at boot. */
    else if (!rc)
        rc = put_links_back(m);
    if (rc == -ENOENT || rc == -EEXIST)
        rc = 0;
    /* Last: what failed can be tried again. */
    if (!rc) {
        rc = moved_forget(r->state_dir, m);
        if (rc)
            log_errno(rc, "the note of %s cannot be removed", m->name);
    }
    if (rc)
        r->failed = true;
    else
        log_info("%s is this host's again; it must not run at %s any more",
                 m->name, m->host);
    return 0;
}

/* The attribute of an image that this host has no note of. */
static void reclaim_image(struct reclaiming *r)
{
    int rc = moved_unmark(r->word);

    r->found = r->found || !rc;
    if (rc && rc != -ENODATA && rc != -ENOENT) {
        log_errno(rc, "%s", r->word);
        r->found = r->failed = true;
    }
}

static int reclaim(struct reclaiming *r)
{
    int rc = moved_list(r->state_dir, reclaim_one, r);

    if (rc)
        log_errno(rc, "%s/moved", r->state_dir);
    if (r->word[0] == '/')
        reclaim_image(r);
    if (!rc && !r->found)
        log_error("%s: no such guest or image is noted as moved away; "
                  "'xl-dedup reclaim' lists those that are", r->word);
    return rc || r->failed || !r->found ? XD_EXIT_FAILED : XD_EXIT_OK;
}

int cmd_reclaim(int argc, char **argv)
{
    static const struct option options[] = {
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    struct configuration conf;
    int c, status = XD_EXIT_OK, one;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (c != 'h')
            return XD_EXIT_USAGE;
        fputs(help, stdout);
        return cmd_finish(XD_EXIT_OK);
    }
    if (log_exit("reclaim", configuration_load(&conf)))
        return XD_EXIT_FAILED;
    if (optind == argc &&
        log_exit("reclaim", moved_list(conf.state_dir, list_one, NULL)))
        status = XD_EXIT_FAILED;
    for (; optind < argc; optind++) {
        struct reclaiming r = {
            .state_dir = conf.state_dir, .word = argv[optind],
        };

        one = reclaim(&r);
        status = status ? status : one;
    }
    configuration_release(&conf);
    return cmd_finish(status);
}
