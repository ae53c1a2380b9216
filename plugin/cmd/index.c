/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl-dedup index: reads what is new among the images that may serve as
 * references, and lists, drops and checks what is indexed.
 *
 * A receiver runs this command for what it misses, and ends it with the
 * session: it may be killed at any time.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <json.h>
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
#include "plugin/content/manifest_hash.h"
#include "plugin/image/image_list.h"
#include "plugin/index/index.h"
#include "plugin/index/index_add.h"
#include "plugin/index/index_open.h"
#include "plugin/index/index_spotcheck.h"
#include "plugin/index/index_walk.h"
#include "plugin/state/configuration.h"
#include "plugin/state/record.h"

#define STALE_STATUS XD_EXIT_DIFFERENT

static const char help[] =
"Usage: xl-dedup index [OPTION]... [IMAGE]...\n"
"       xl-dedup index --list [--json]\n"
"       xl-dedup index --drop IMAGE...\n"
"       xl-dedup index --check [--sample=N]\n"
"\n"
"Reads the images that the configuration allows as references, and copies of\n"
"disks that went on to another host, and notes in an index what they hold, so\n"
"that a migration to this host can begin at once. An image that was not\n"
"written to since is not read again. With IMAGE, only those.\n"
"\n"
"  --list           list the images that are indexed\n"
"  --json           as one JSON object\n"
"  --drop           forget the images named\n"
"  --check          check the index, and whether the images are still as they\n"
"                   were when they were read\n"
"  --sample=N       with --check: read N objects of each image and compare\n"
"  -a, --again      read also what seems unchanged\n"
"  -j, --threads=N  hash with N threads (one per processor)\n"
"  -q, --quiet      say only what went wrong\n"
"  --directory=DIR  where the index is (the state directory's index)\n"
"  -h, --help       this text\n"
"\n"
"Exit status: 0 done; 1 --check: something is not as it was; 2 failed, or the\n"
"index is damaged (the next run begins it anew); 64 wrong use.\n";

enum action { UPDATE, LIST, DROP, CHECK };

struct index_options {
    enum action action;
    bool json;
    bool again;
    bool quiet;
    unsigned threads;
    unsigned sample;
    char *directory;
    char **paths;
    int n_paths;
};

/* Update */

static bool is_known(struct store *s, const char *path,
                     const struct stamp *stamp)
{
    struct index_image i;
    MDB_txn *t;
    bool known = false;

    if (store_read(s, &t))
        return false;
    if (!index_find_image(s, t, path, &i)) {
        known = i.named && stamp_same(&i.stamp, stamp);
        index_image_release(&i);
    }
    store_read_end(s, t);
    return known;
}

static int read_image(struct store *s, const char *path,
                      const struct index_options *o)
{
    struct manifest_options opt = { .threads = o->threads };
    struct image img = IMAGE_INIT;
    struct manifest *m = NULL;
    struct stamp stamp;
    int rc;

    rc = stamp_of(path, &stamp);
    if (rc) {
        log_errno(rc, "%s", path);
        return rc;
    }
    if (!o->again && is_known(s, path, &stamp)) {
        log_debug("%s is unchanged", path);
        return 0;
    }
    rc = image_open(&img, path);
    if (!o->quiet) {
        opt.progress = cmd_progress;
        opt.opaque = &img;
    }
    if (!rc)
        rc = manifest_build(&img, &opt, &m);
    log_progress_end();
    if (!rc)
        rc = index_add_manifest(s, path, &stamp, m);
    if (!rc && !o->quiet)
        log_info("%s: %zu objects", path, manifest_count(m));
    manifest_free(m);
    image_release(&img);
    return rc;
}

static int add_left(void *opaque, const struct record *r)
{
    if (!strcmp(r->role, RECORD_LEFT))
        image_list_add(opaque, r->path);
    return 0;
}

static int note_record(void *opaque, const struct record *r)
{
    image_list_add(opaque, r->path);
    return 0;
}

struct obsolete {
    const struct image_list *keep;
    uint32_t ids[64];
    unsigned n;
};

static int note_obsolete(void *opaque, const struct index_image *i)
{
    struct obsolete *o = opaque;

    if (o->n < 64 && !image_list_has(o->keep, i->path))
        o->ids[o->n++] = i->id;
    return 0;
}

/* What is gone, and what is neither allowed nor a disk that came or went. */
static int drop_obsolete(struct store *s, const struct image_list *keep)
{
    struct obsolete o = { .keep = keep };
    MDB_txn *t;
    unsigned i;
    int rc;

    rc = store_read(s, &t);
    if (rc)
        return rc;
    rc = index_images(s, t, false, note_obsolete, &o);
    store_read_end(s, t);
    for (i = 0; i < o.n && !rc; i++)
        rc = index_drop(s, o.ids[i]);
    return rc;
}

static int list_wanted(struct image_list *l, const struct index_options *o,
                       const struct configuration *conf)
{
    int i, rc = 0, failed = 0;

    for (i = 0; i < o->n_paths && rc != -ENOMEM; i++) {
        rc = image_list_add(l, o->paths[i]);
        if (rc) {
            log_errno(rc, "%s", o->paths[i]);
            failed = rc;
        }
    }
    if (o->n_paths)
        return failed;
    rc = image_list_add_globs(l, conf->references, conf->n_references);
    if (!rc)
        record_list(conf->state_dir, add_left, l);
    return rc;
}

/* A descriptor that holds it. */
static int take_lock(const struct index_options *o)
{
    int lock = index_lock(o->directory, true);

    if (lock < 0)
        log_errno(lock, "%s: the index cannot be locked", o->directory);
    return lock;
}

static int open_store(struct store **s_r, const struct index_options *o,
                      bool read_only)
{
    struct store_options opt = { .read_only = read_only };
    int rc = index_open(s_r, o->directory, &opt);

    if (rc == -ENOENT && read_only)
        log_error("%s: nothing is indexed yet", o->directory);
    else if (rc == -EUCLEAN)
        log_error("%s: the index is damaged or of another version; the next "
                  "'xl-dedup index' begins it anew", o->directory);
    else if (rc)
        log_errno(rc, "%s: the index cannot be opened", o->directory);
    return rc;
}

static int update(const struct index_options *o,
                  const struct configuration *conf)
{
    struct image_list l = IMAGE_LIST_INIT;
    struct store *s = NULL;
    int rc, failed, lock;
    size_t i;

    lock = take_lock(o);
    if (lock < 0)
        return lock;
    failed = list_wanted(&l, o, conf);
    rc = open_store(&s, o, false);
    if (!rc)
        rc = index_clean(s);
    /* One that cannot be read must not hide the others. */
    for (i = 0; i < l.n && !rc; i++)
        if (read_image(s, l.items[i].path, o))
            failed = -EIO;
    if (!rc && !o->n_paths) {
        record_list(conf->state_dir, note_record, &l);
        rc = drop_obsolete(s, &l);
    }
    if (rc)
        log_errno(rc, "%s", o->directory);
    store_close(s);
    image_list_release(&l);
    close(lock);
    return rc ? rc : failed;
}

/* List */

static const char *age_text(int64_t seconds, char *text, size_t size)
{
    time_t t = seconds;
    struct tm tm;

    if (!localtime_r(&t, &tm) || !strftime(text, size, "%F %T", &tm))
        snprintf(text, size, "?");
    return text;
}

static const char *state_of(const struct index_image *i)
{
    struct stamp now;

    if (stamp_of(i->path, &now))
        return "gone";
    return !stamp_same(&now, &i->stamp) ? "changed" :
        i->named ? "current" : "current, without names";
}

static int print_image(void *opaque, const struct index_image *i)
{
    char when[32], path[4096];

    (void)opaque;
    printf("%10" PRIu64 " %10.1f %s %s (%s)\n", i->n_added, i->bytes / 1e6,
           age_text(i->time, when, sizeof(when)),
           text_escape(i->path, path, sizeof(path)), state_of(i));
    return 0;
}

static int add_json(void *opaque, const struct index_image *i)
{
    json_object *list = opaque, *j = json_object_new_object();

    if (!j || json_object_object_add(j, "path", cmd_json_text(i->path)) ||
        json_object_object_add(j, "kind", json_object_new_string(
                                   i->stamp.block ? "block" : "file")) ||
        json_object_object_add(j, "size",
                               json_object_new_uint64(i->stamp.size)) ||
        json_object_object_add(j, "objects",
                               json_object_new_uint64(i->n_added)) ||
        json_object_object_add(j, "bytes",
                               json_object_new_uint64(i->bytes)) ||
        json_object_object_add(j, "time", json_object_new_int64(i->time)) ||
        json_object_object_add(j, "named",
                               json_object_new_boolean(i->named)) ||
        json_object_object_add(j, "state",
                               json_object_new_string(state_of(i)))) {
        json_object_put(j);
        return -ENOMEM;
    }
    return json_object_array_add(list, j) ? -ENOMEM : 0;
}

static int print_list(struct store *s, MDB_txn *t, bool json)
{
    json_object *all, *list;
    int rc;

    if (!json) {
        printf("%10s %10s %-19s %s\n", "objects", "MB", "indexed", "image");
        return index_images(s, t, false, print_image, NULL);
    }
    all = json_object_new_object();
    list = json_object_new_array();
    if (!all || !list || json_object_object_add(all, "images", list)) {
        json_object_put(list);
        json_object_put(all);
        return -ENOMEM;
    }
    rc = index_images(s, t, false, add_json, list);
    if (!rc)
        return cmd_print_json(all, "");
    json_object_put(all);
    return rc;
}

static int list(const struct index_options *o)
{
    struct store *s;
    MDB_txn *t;
    int rc;

    rc = open_store(&s, o, true);
    if (rc)
        return rc;
    rc = store_read(s, &t);
    if (!rc) {
        rc = print_list(s, t, o->json);
        store_read_end(s, t);
    }
    if (rc)
        log_errno(rc, "%s", o->directory);
    store_close(s);
    return rc;
}

/* Drop */

static int drop_one(struct store *s, const char *path)
{
    char *resolved = realpath(path, NULL);
    struct index_image i = { 0 };
    MDB_txn *t;
    int rc;

    rc = store_read(s, &t);
    if (!rc) {
        rc = index_find_image(s, t, path, &i);
        if (rc == -ENOENT && resolved)
            rc = index_find_image(s, t, resolved, &i);
        store_read_end(s, t);
    }
    if (!rc) {
        rc = index_drop(s, i.id);
        index_image_release(&i);
    }
    free(resolved);
    if (rc == -ENOENT)
        log_error("%s is not indexed", path);
    else if (rc)
        log_errno(rc, "%s", path);
    return rc;
}

static int drop(const struct index_options *o)
{
    struct store *s = NULL;
    int i, rc, failed = 0, lock;

    lock = take_lock(o);
    if (lock < 0)
        return lock;
    rc = open_store(&s, o, false);
    for (i = 0; i < o->n_paths && !rc; i++)
        if (drop_one(s, o->paths[i]))
            failed = -ENOENT;
    store_close(s);
    close(lock);
    return rc ? rc : failed;
}

/* Check */

struct checking {
    struct store *store;
    const struct index_options *o;
    unsigned not_current;
    uint64_t compared, differ;
};

static int check_image(void *opaque, const struct index_image *i)
{
    struct checking *c = opaque;
    const char *state = state_of(i);
    struct index_spotcheck sample = { 0 };
    char path[4096];
    int rc = 0;

    text_escape(i->path, path, sizeof(path));
    if (strncmp(state, "current", 7)) {
        printf("%s: %s\n", path, state);
        c->not_current++;
    }
    if (c->o->sample && strcmp(state, "gone"))
        rc = index_spotcheck(c->store, i, c->o->sample, &sample);
    if (sample.differ)
        printf("%s: %" PRIu64 " of %" PRIu64 " objects are not what they "
               "were\n", path, sample.differ, sample.compared);
    c->compared += sample.compared;
    c->differ += sample.differ;
    return rc == -ENOMEM ? rc : 0;
}

static int print_report(const struct checking *c,
                        const struct index_report *r)
{
    printf("%" PRIu64 " images, %" PRIu64 " objects, %" PRIu64 " entries\n",
           r->images, r->objects, r->entries);
    if (r->abandoned)
        printf("%" PRIu64 " unfinished images; the next run removes them\n",
               r->abandoned);
    if (c->o->sample)
        printf("%" PRIu64 " objects read, %" PRIu64 " differ\n", c->compared,
               c->differ);
    if (!r->abandoned && (r->lost || r->missing)) {
        log_error("%" PRIu64 " entries lead nowhere, %" PRIu64 " objects are "
                  "not found", r->lost, r->missing);
        return XD_EXIT_FAILED;
    }
    return c->not_current || c->differ ? STALE_STATUS : XD_EXIT_OK;
}

static int check(const struct index_options *o)
{
    struct checking c = { .o = o };
    struct index_report r = { 0 };
    int rc, status = XD_EXIT_FAILED;
    MDB_txn *t;

    if (open_store(&c.store, o, true))
        return XD_EXIT_FAILED;
    rc = store_read(c.store, &t);
    if (!rc) {
        rc = index_walk(c.store, t, &r);
        if (!rc)
            rc = index_images(c.store, t, false, check_image, &c);
        store_read_end(c.store, t);
    }
    if (rc)
        log_errno(rc, "%s", o->directory);
    else
        status = print_report(&c, &r);
    store_close(c.store);
    return status;
}

/* Command line */

static int usage(const char *what, const char *word)
{
    log_error("index: %s%s; see 'xl-dedup index --help'", what, word);
    return XD_EXIT_USAGE;
}

static int parse_number(const char *text, unsigned most, unsigned *n_r)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (end == text || *end || n < 1 || n > most)
        return usage("no such number: ", text);
    *n_r = n;
    return CMD_GO_ON;
}

static int take_option(struct index_options *o, int c)
{
    switch (c) {
    case 'h':
        fputs(help, stdout);
        return cmd_finish(XD_EXIT_OK);
    case 'L': o->action = LIST; break;
    case 'D': o->action = DROP; break;
    case 'C': o->action = CHECK; break;
    case 'J': o->json = true; break;
    case 'a': o->again = true; break;
    case 'q': o->quiet = true; break;
    case 'j': return parse_number(optarg, 64, &o->threads);
    case 'S': return parse_number(optarg, 1000000000, &o->sample);
    case 'd':
        free(o->directory);
        o->directory = strdup(optarg);
        return o->directory ? CMD_GO_ON : log_exit("index", -ENOMEM);
    default:
        return usage("wrong options", "");
    }
    return CMD_GO_ON;
}

static int parse(struct index_options *o, int argc, char **argv)
{
    static const struct option options[] = {
        { "list", no_argument, NULL, 'L' },
        { "drop", no_argument, NULL, 'D' },
        { "check", no_argument, NULL, 'C' },
        { "json", no_argument, NULL, 'J' },
        { "again", no_argument, NULL, 'a' },
        { "quiet", no_argument, NULL, 'q' },
        { "threads", required_argument, NULL, 'j' },
        { "sample", required_argument, NULL, 'S' },
        { "directory", required_argument, NULL, 'd' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int c, status = CMD_GO_ON;

    while (status == CMD_GO_ON &&
           (c = getopt_long(argc, argv, "haqj:", options, NULL)) != -1)
        status = take_option(o, c);
    if (status != CMD_GO_ON)
        return status;
    o->paths = argv + optind;
    o->n_paths = argc - optind;
    if (o->n_paths && (o->action == LIST || o->action == CHECK))
        return usage("nothing to be done with ", o->paths[0]);
    if (!o->n_paths && o->action == DROP)
        return usage("no image to be dropped", "");
    if (o->sample && o->action != CHECK)
        return usage("--sample belongs to --check", "");
    return CMD_GO_ON;
}

static int run(struct index_options *o)
{
    struct configuration conf;
    int status;

    if (log_exit("index", configuration_load(&conf)))
        return XD_EXIT_FAILED;
    if (!o->directory)
        o->directory = index_directory(conf.state_dir);
    if (!o->directory)
        status = log_exit("index", -ENOMEM);
    else if (o->action == CHECK)
        status = check(o);
    else if (o->action == LIST)
        status = log_exit("index", list(o));
    else if (o->action == DROP)
        status = log_exit("index", drop(o));
    else
        status = log_exit("index", update(o, &conf));
    configuration_release(&conf);
    return cmd_finish(status);
}

int cmd_index(int argc, char **argv)
{
    struct index_options o = { .action = UPDATE };
    int status = parse(&o, argc, argv);

    if (status == CMD_GO_ON)
        status = run(&o);
    free(o.directory);
    return status;
}
