/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where disks may go; see destination_list.h. */
#include "config.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/state/record.h"
#include "plugin/target/destination_list.h"

#define STANDARD "/var/lib/xen/images"

/* How far an entry reaches. */
enum reach {
    REACH_BELOW,                /* itself, and everything below it */
    REACH_IN,                   /* what is in it, and nothing below that */
    REACH_ITSELF,
};

struct entry {
    char *path;
    bool glob;                  /* wildcards count */
    enum reach reach;
};

struct destination_list {
    struct entry *entries;
    size_t n;
};

static int add(struct destination_list *l, const char *path, bool glob,
               enum reach reach)
{
    struct entry *longer = realloc(l->entries, (l->n + 1) * sizeof(*longer));

    if (!longer)
        return -ENOMEM;
    l->entries = longer;
    longer[l->n] = (struct entry){ strdup(path), glob, reach };
    return longer[l->n].path ? (l->n++, 0) : -ENOMEM;
}

/* A file that a link leads to is known by where it really is. */
static int add_with_links(struct destination_list *l, const char *path,
                          bool glob, enum reach reach)
{
    char *real = realpath(path, NULL);
    struct stat st;
    int rc = add(l, path, glob, reach);

    if (!rc && real && strcmp(real, path) && !stat(real, &st) &&
        S_ISDIR(st.st_mode))
        rc = add(l, real, false, reach);
    free(real);
    return rc;
}

/* The standard places */

static bool holds_all_devices(const char *directory)
{
    return !strcmp(directory, "/dev") || !strcmp(directory, "/dev/mapper") ||
        !strncmp(directory, "/dev/disk/", 10);
}

static int add_place_of(struct destination_list *l, const char *path)
{
    char *directory;
    int rc;

    if (!path_is_plain(path) || !*path_basename(path))
        return 0;
    directory = path_dirname(path);
    if (!directory)
        return -ENOMEM;
    rc = holds_all_devices(directory) ? add(l, path, false, REACH_ITSELF) :
        add_with_links(l, directory, false, REACH_IN);
    free(directory);
    return rc;
}

/* What identifies a pushed image the source has thought of. */
static bool is_domain(const char *uuid)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    size_t i;

    for (i = 0; form[i]; i++)
        if (form[i] == '-' ? uuid[i] != '-' :
            !uuid[i] || !strchr("0123456789abcdefABCDEF", uuid[i]))
            return false;
    return !uuid[i];
}

static int add_record(void *opaque, const struct record *r)
{
    struct destination_list *l = opaque;

    if (!strcmp(r->role, RECORD_ALLOW))
        return add(l, r->path, false, REACH_ITSELF);
    return is_domain(r->uuid) && (!strcmp(r->role, RECORD_RECEIVED) ||
                                  !strcmp(r->role, RECORD_LEFT)) ?
        add_place_of(l, r->path) : 0;
}

static int add_standard(struct destination_list *l,
                        const struct configuration *conf,
                        const struct used_path *busy)
{
    int rc = add_with_links(l, STANDARD, false, REACH_BELOW);

    for (; busy && !rc; busy = busy->next)
        rc = add_place_of(l, busy->path);
    return rc ? rc : record_list(conf->state_dir, add_record, l);
}

static int add_configured(struct destination_list *l,
                          const struct configuration *conf)
{
    size_t i;
    int rc = 0;

    for (i = 0; i < conf->n_destinations && !rc; i++)
        rc = add_with_links(l, conf->destinations[i], true, REACH_BELOW);
    return rc;
}

int destination_list_new(struct destination_list **l_r,
                         const struct configuration *conf,
                         const struct used_path *busy)
{
    struct destination_list *l = calloc(1, sizeof(*l));
    int rc;

    if (!l)
        return -ENOMEM;
    rc = conf->n_destinations > 0 ? add_configured(l, conf) :
        add_standard(l, conf, busy);
    if (rc)
        destination_list_free(l);
    else
        *l_r = l;
    return rc;
}

void destination_list_free(struct destination_list *l)
{
    if (!l)
        return;
    while (l->n > 0)
        free(l->entries[--l->n].path);
    free(l->entries);
    free(l);
}

/* Looking up */

/* Takes the next component of a path; 0 bytes if there is none. */
static size_t next_component(const char **at)
{
    *at += strspn(*at, "/");
    return strcspn(*at, "/");
}

static bool same_component(const struct entry *e, const char *pattern,
                           size_t n, const char *name, size_t length)
{
    char p[NAME_MAX + 1], s[NAME_MAX + 1];

    if (n > NAME_MAX || length > NAME_MAX)
        return false;
    memcpy(p, pattern, n);
    p[n] = '\0';
    memcpy(s, name, length);
    s[length] = '\0';
    return e->glob ? !fnmatch(p, s, FNM_PERIOD) : !strcmp(p, s);
}

static bool has_more_than_one(const char *at)
{
    size_t n = next_component(&at);

    at += n;
    return next_component(&at) > 0;
}

/* Whether an entry permits a path.  What it names of it ends at *linked_r, but
 * never includes the last component, whose links are a matter of its own. */
static bool permits(const struct entry *e, const char *path, size_t *linked_r)
{
    const char *pattern = e->path, *at = path;
    size_t n, length;

    while ((n = next_component(&pattern)) > 0) {
        length = next_component(&at);
        if (length == 0 || !same_component(e, pattern, n, at, length))
            return false;
        pattern += n;
        at += length;
    }
    *linked_r = at - path;
    if (next_component(&at) == 0) {
        *linked_r = path_basename(path) - path;
        return e->reach != REACH_IN;
    }
    return e->reach == REACH_BELOW ||
        (e->reach == REACH_IN && !has_more_than_one(at));
}

int destination_list_find(const struct destination_list *l, const char *path,
                          size_t *linked_r, char *why, size_t size)
{
    char *directory;
    size_t i;
    int rc;

    for (i = 0; i < l->n; i++)
        if (permits(&l->entries[i], path, linked_r))
            return 0;
    directory = path_dirname(path);
    if (!directory)
        return explain(why, size, -ENOMEM, "out of memory");
    rc = explain(why, size, -EACCES, "%s is none of the places where this host "
                 "takes disks; if it is to be one, write 'destination = %s' "
                 "into %s there", path,
                 holds_all_devices(directory) ? path : directory,
                 configuration_path());
    free(directory);
    return rc;
}
