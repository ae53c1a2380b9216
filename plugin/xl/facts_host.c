/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The report of this host; see facts_host.h. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fsparse/fsparse.h"
#include "plugin/base/paths.h"
#include "plugin/image/image_list.h"
#include "plugin/index/index.h"
#include "plugin/index/index_open.h"
#include "plugin/proto.h"
#include "plugin/state/configuration.h"
#include "plugin/track/perf_events.h"
#include "plugin/xl/facts_host.h"
#include "plugin/xl/facts_xl.h"

static void put_bool(json_object *o, const char *key, bool value, bool *failed)
{
    facts_put(o, key, json_object_new_boolean(value), failed);
}

static void put_number(json_object *o, const char *key, int64_t value,
                       bool *failed)
{
    facts_put(o, key, json_object_new_int64(value), failed);
}

static void put_works(json_object *facts, const char *section, bool works,
                      const char *message, bool *failed)
{
    json_object *o = json_object_new_object();

    put_bool(o, "works", works, failed);
    facts_put_text(o, "message", message, failed);
    facts_put(facts, section, o, failed);
}

/* --- tracing and parsing -------------------------------------------------- */

/* Whether the kernel lets us trace writes at all; of no device, so that nothing
 * is recorded. */
static void put_tracer(json_object *facts, bool *failed)
{
    struct perf_events *p = NULL;
    char why[512] = "";
    int rc = perf_events_open(&p, "block_rq_complete", "dev == 0", 0, why,
                              sizeof(why));

    perf_events_close(p);
    put_works(facts, "tracer", !rc, why, failed);
}

/* The first layer of the sandbox that is missing and must not be. */
static void note_missing(void *opaque, const char *text)
{
    char *message = opaque;

    if (!*message && strstr(text, "MISSING"))
        snprintf(message, 512, "%s", text);
}

static void put_sandbox(json_object *facts, bool *failed)
{
    char message[512] = "";
    bool sound = false;
    int rc = fsparse_check_sandbox(note_missing, message, &sound);

    if (rc)
        snprintf(message, sizeof(message), "%s", strerror(-rc));
    put_works(facts, "sandbox", !rc && sound, message, failed);
}

/* --- state and references ------------------------------------------------- */

/* What is free there, or in the nearest directory above that exists. */
static bool free_bytes(const char *path, int64_t *bytes_r)
{
    struct statvfs fs;
    char *above;
    bool told;

    if (!statvfs(path, &fs)) {
        *bytes_r = (int64_t)fs.f_bavail * fs.f_frsize;
        return true;
    }
    above = errno == ENOENT && strcmp(path, "/") ? path_dirname(path) : NULL;
    told = above && free_bytes(above, bytes_r);
    free(above);
    return told;
}

static void put_state(json_object *facts, const struct configuration *conf,
                      bool *failed)
{
    json_object *o = json_object_new_object();
    int64_t bytes;
    struct stat st;
    /* What is not there yet is made. */
    bool works = stat(conf->state_dir, &st) ? errno == ENOENT :
        S_ISDIR(st.st_mode) && !access(conf->state_dir, R_OK | W_OK | X_OK);

    facts_put_text(o, "path", conf->state_dir, failed);
    put_bool(o, "works", works, failed);
    if (free_bytes(conf->state_dir, &bytes))
        put_number(o, "free", bytes, failed);
    facts_put(facts, "state", o, failed);
}

struct indexed {
    const struct image_list *references;
    int64_t current, changed, oldest;
};

static int count_indexed(void *opaque, const struct index_image *i)
{
    struct indexed *n = opaque;
    struct stamp now;

    if (!image_list_has(n->references, i->path))
        return 0;
    if (!stamp_of(i->path, &now) && stamp_same(&now, &i->stamp))
        n->current++;
    else
        n->changed++;
    if (!n->oldest || i->time < n->oldest)
        n->oldest = i->time;
    return 0;
}

/* 0, also if there is none yet. */
static int read_index(const struct configuration *conf, struct indexed *n)
{
    struct store_options opt = { .read_only = true };
    char *directory = index_directory(conf->state_dir);
    struct store *s = NULL;
    MDB_txn *t;
    int rc = directory ? index_open(&s, directory, &opt) : -ENOMEM;

    if (!rc)
        rc = store_read(s, &t);
    if (!rc) {
        rc = index_images(s, t, false, count_indexed, n);
        store_read_end(s, t);
    }
    store_close(s);
    free(directory);
    return rc == -ENOENT ? 0 : rc;
}

static void put_references(json_object *facts,
                           const struct configuration *conf, bool *failed)
{
    struct image_list l = IMAGE_LIST_INIT;
    struct indexed n = { .references = &l };
    json_object *o = json_object_new_object();
    int rc = image_list_add_globs(&l, conf->references, conf->n_references);

    if (!rc)
        rc = read_index(conf, &n);
    put_number(o, "configured", conf->n_references, failed);
    put_number(o, "images", l.n, failed);
    put_number(o, "current", n.current, failed);
    put_number(o, "changed", n.changed, failed);
    put_number(o, "oldest", n.oldest, failed);
    facts_put_text(o, "message", rc ? strerror(-rc) : "", failed);
    facts_put(facts, "references", o, failed);
    image_list_release(&l);
}

/* What is wrong with it is said on standard error. */
static void put_configuration(json_object *facts, bool *failed)
{
    struct configuration conf;
    int rc = configuration_load(&conf);
    json_object *o = json_object_new_object();

    facts_put_text(o, "path", configuration_path(), failed);
    put_bool(o, "works", !rc, failed);
    facts_put_text(o, "message", rc ? strerror(-rc) : "", failed);
    facts_put(facts, "configuration", o, failed);
    if (rc)
        return;
    put_state(facts, &conf, failed);
    put_references(facts, &conf, failed);
    configuration_release(&conf);
}

/* --- for guests ----------------------------------------------------------- */

static void put_interfaces(json_object *facts, bool *failed)
{
    json_object *list = json_object_new_array();
    DIR *d = opendir("/sys/class/net");
    struct dirent *e;

    while (d && (e = readdir(d)))
        if (e->d_name[0] != '.')
            facts_append(list, json_object_new_string(e->d_name), failed);
    if (d)
        closedir(d);
    facts_put(facts, "interfaces", list, failed);
}

static const char *kind_of(const char *path)
{
    struct stat st;

    if (stat(path, &st))
        return errno == ENOENT || errno == ENOTDIR ? "none" : "unknown";
    return S_ISREG(st.st_mode) ? "file" : S_ISDIR(st.st_mode) ? "directory" :
        S_ISBLK(st.st_mode) ? "device" : "other";
}

/* Where libxl finds its own programs (its private directory, which depends on
 * the release and on who built it), and then those of PATH. */
static bool program_exists(const char *name)
{
    static const char *const places[] = {
        "/usr/lib/xen-*/bin", "/usr/lib/xen*/bin", "/usr/libexec/xen*/bin",
        "/usr/libexec", "/usr/local/lib/xen/bin", "/usr/local/libexec/xen/bin",
        "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin",
        "/usr/local/bin",
    };
    char pattern[512];
    bool found = false;
    size_t i;

    if (strchr(name, '/') || name[strcspn(name, "*?[\\")])
        return false;
    for (i = 0; i < sizeof(places) / sizeof(places[0]) && !found; i++) {
        glob_t g;

        if (snprintf(pattern, sizeof(pattern), "%s/%s", places[i], name) >=
            (int)sizeof(pattern))
            return false;
        if (glob(pattern, 0, NULL, &g))
            continue;
        found = g.gl_pathc > 0 && !access(g.gl_pathv[0], X_OK);
        globfree(&g);
    }
    return found;
}

static void answer_place(json_object *answer, const char *path, bool *failed)
{
    char *directory = path_dirname(path);
    int64_t bytes;

    put_bool(answer, "directory", directory &&
             !strcmp(kind_of(directory), "directory"), failed);
    if (directory && free_bytes(directory, &bytes))
        put_number(answer, "free", bytes, failed);
    free(directory);
}

static void answer(json_object *answers, json_object *question, bool *failed)
{
    const char *kind = facts_text(question, "kind");
    const char *path = facts_text(question, "path"), *is = "unknown";
    json_object *o = json_object_new_object();

    if (kind && path && path[0] == '/')
        is = kind_of(path);
    else if (kind && path && !strcmp(kind, FACTS_PROGRAM))
        is = program_exists(path) ? "file" : "none";
    facts_put_text(o, "is", is, failed);
    if (kind && path && path[0] == '/' && !strcmp(kind, FACTS_PLACE))
        answer_place(o, path, failed);
    facts_append(answers, o, failed);
}

static void put_answers(json_object *facts, json_object *questions,
                        bool *failed)
{
    json_object *answers = json_object_new_array(), *question;
    size_t i;

    for (i = 0; i < FACTS_QUESTIONS_MAX &&
         (question = facts_nth(questions, i)); i++)
        answer(answers, question, failed);
    facts_put(facts, "answers", answers, failed);
}

json_object *facts_of_host(json_object *questions, bool guests)
{
    json_object *facts = json_object_new_object();
    bool failed = !facts;

    facts_put_text(facts, "version", PACKAGE_VERSION, &failed);
    put_number(facts, "protocol", PROTO_VERSION, &failed);
    put_bool(facts, "root", geteuid() == 0, &failed);
    put_configuration(facts, &failed);
    put_tracer(facts, &failed);
    put_sandbox(facts, &failed);
    put_bool(facts, "guests", guests, &failed);
    if (guests) {
        facts_put_xl(facts, &failed);
        facts_put_domains(facts, &failed);
        put_interfaces(facts, &failed);
        put_answers(facts, questions, &failed);
    }
    if (!failed)
        return facts;
    json_object_put(facts);
    return NULL;
}
