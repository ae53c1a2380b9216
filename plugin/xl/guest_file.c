/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration file of a guest; see guest_file.h.  Source: xl.cfg(5), and
 * the init script xendomains of Xen 4.17. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/base/rename_new.h"
#include "plugin/base/safe_path.h"
#include "plugin/image/node.h"
#include "plugin/xl/guest_file.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define BLANKS " \t"

/* --- texts ---------------------------------------------------------------- */

/* What stands after "key =" at the beginning of a line from *text on, which
 * goes to the next line; NULL: no more. */
static const char *next_value(const char **text, const char *key)
{
    size_t n = strlen(key);
    const char *p;

    while (**text) {
        p = *text + strspn(*text, BLANKS);
        *text += strcspn(*text, "\n");
        *text += **text == '\n';
        if (strncmp(p, key, n))
            continue;
        p += n + strspn(p + n, BLANKS);
        if (*p == '=')
            return p + 1 + strspn(p + 1, BLANKS);
    }
    return NULL;
}

/* Spares us from asking xl about every file.  The value stands in quotes of
 * either kind. */
static bool has_name(const char *text, const char *name)
{
    size_t n = strlen(name);
    const char *value;

    while ((value = next_value(&text, "name")))
        if ((*value == '"' || *value == '\'') &&
            !strncmp(value + 1, name, n) && value[1 + n] == *value)
            return true;
    return false;
}

bool guest_file_is(const struct domain *d, const char *text, const char *name,
                   const char *uuid)
{
    if (!d->name || strcmp(d->name, name))
        return false;
    /* Without one in the text xl makes one up each time. */
    return !next_value(&text, "uuid") ||
        (d->uuid && !strcasecmp(d->uuid, uuid));
}

bool guest_file_name_is_one(const char *name)
{
    return *name && strchr(LETTERS, *name) &&
        !name[strspn(name, LETTERS "._+@:-")] && strlen(name) <= 200 &&
        strcmp(name, "xl.conf");
}

int guest_file_read(const char *path, struct buf *b)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), rc = 0;
    struct stat st;
    ssize_t n = 1;
    uint8_t *p;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st))
        rc = -errno;
    else if (!S_ISREG(st.st_mode))
        rc = -ENOTSUP;
    while (!rc && n > 0) {
        p = buf_reserve(b, 4096);
        n = p ? read(fd, p, 4096) : 0;
        if (!p)
            rc = -ENOMEM;
        else if (n < 0)
            rc = -errno;
        else if ((b->length += n) > GUEST_FILE_MAX)
            rc = -EFBIG;
    }
    close(fd);
    if (!rc && !(p = buf_reserve(b, 1)))
        rc = -ENOMEM;
    if (!rc)
        *p = '\0';
    return rc;
}

bool guest_file_has_name(const char *path, const char *name)
{
    struct buf b = BUF_INIT;
    bool has = !guest_file_read(path, &b) &&
        has_name((const char *)b.data, name);

    buf_release(&b);
    return has;
}

/* --- looking for it ------------------------------------------------------- */

struct finding {
    const struct guest_file_wanted *wanted;
    struct guest_file *best;
    const char *automatic;      /* the directory "auto" */
    int rank;                   /* of the best; 0: none yet */
};

/* Whether two paths, the first of which may be NULL, lead to one image. */
static bool is_one_image(const char *a, const char *b)
{
    struct stat first, second;

    return a && (!strcmp(a, b) ||
                 (!stat(a, &first) && !stat(b, &second) &&
                  same_node(&first, &second)));
}

static bool has_disk(const struct domain *d,
                     const struct guest_file_wanted *wanted)
{
    size_t i, j;

    for (i = 0; i < wanted->n_paths; i++)
        for (j = 0; j < d->n_disks; j++)
            if (is_one_image(d->disks[j].path, wanted->paths[i]))
                return true;
    return wanted->n_paths == 0;
}

/* Whether the file at path is the guest's.  What cannot be read is none. */
static bool is_wanted(const struct guest_file_wanted *wanted, const char *path)
{
    struct domains d = { NULL, 0 };
    struct buf b = BUF_INIT;
    const char *text;
    bool is = !guest_file_read(path, &b);

    text = (const char *)b.data;
    is = is && has_name(text, wanted->name) && !domains_read(&d, path) &&
        d.n == 1 &&
        guest_file_is(&d.list[0], text, wanted->name, wanted->uuid);
    if (is && !has_disk(&d.list[0], wanted)) {
        log_info("%s has the name %s, but none of its disks, and is left "
                 "alone", path, wanted->name);
        is = false;
    }
    domains_release(&d);
    buf_release(&b);
    return is;
}

static bool lies_in(const char *path, const char *directory)
{
    char *real = realpath(directory, NULL);
    size_t n = real ? strlen(real) : 0;
    bool lies = n > 0 && !strncmp(path, real, n) && path[n] == '/' &&
        !strchr(path + n + 1, '/');

    free(real);
    return lies;
}

/* 3: it is started at boot; 2: it is called as the guest is; 1. */
static int rank_of(const struct finding *f, const char *path, bool automatic)
{
    const char *base = path_basename(path);
    size_t n = strlen(f->wanted->name);

    return automatic ? 3 : !strncmp(base, f->wanted->name, n) &&
        (!base[n] || base[n] == '.') ? 2 : 1;
}

/* Takes the path of a file that is the guest's, without links. */
static void take(struct finding *f, char *path, bool automatic)
{
    int rank = rank_of(f, path, automatic);
    char *other = path;

    if (rank > f->rank) {
        other = f->best->path;
        f->best->path = path;
        f->best->in_auto = lies_in(path, f->automatic);
        f->rank = rank;
    }
    if (other)
        log_info("%s is a configuration of %s as well, and is left alone",
                 other, f->wanted->name);
    free(other);
}

/* What was set aside, or came under another name, is nobody's. */
static bool is_passed_over(const char *name)
{
    return name[0] == '.' || strstr(name, ".moved-to-") ||
        strstr(name, ".came-from-");
}

static int look_at(struct finding *f, const char *directory, const char *name,
                   bool automatic)
{
    char *path, *real;
    int rc = 0;

    if (is_passed_over(name))
        return 0;
    if (asprintf(&path, "%s/%s", directory, name) < 0)
        return -ENOMEM;
    real = realpath(path, NULL);
    if (!real && errno == ENOMEM)
        rc = -ENOMEM;
    /* Of two names of one file the first decides: that in "auto". */
    if (real && !(f->best->path && !strcmp(f->best->path, real)) &&
        is_wanted(f->wanted, real))
        take(f, real, automatic);
    else
        free(real);
    free(path);
    return rc;
}

static int look_in(struct finding *f, const char *directory, bool automatic)
{
    struct dirent **entries;
    int n = scandir(directory, &entries, NULL, alphasort), i, rc = 0;

    if (n < 0)
        return errno == ENOMEM ? -ENOMEM : 0;
    for (i = 0; i < n; i++) {
        if (!rc)
            rc = look_at(f, directory, entries[i]->d_name, automatic);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

/* The links of "auto" that lead to the file that was found. */
static int find_link(struct guest_file *f, const char *path)
{
    char target[4096], *real = realpath(path, NULL);
    ssize_t n = real && !strcmp(real, f->path) ?
        readlink(path, target, sizeof(target) - 1) : -1;

    free(real);
    if (n < 0 || n == sizeof(target) - 1)
        return 0;
    target[n] = '\0';
    return moved_links_add(&f->links, path, target);
}

static int find_links(struct guest_file *f, const char *automatic)
{
    struct dirent **entries;
    int n = f->path ? scandir(automatic, &entries, NULL, alphasort) : -1;
    int i, rc = 0;
    char *path;

    for (i = 0; i < n; i++) {
        if (!rc && asprintf(&path, "%s/%s", automatic,
                            entries[i]->d_name) >= 0) {
            rc = find_link(f, path);
            free(path);
        }
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return rc;
}

int guest_file_find(struct guest_file *f_r, const char *directory,
                    const struct guest_file_wanted *wanted)
{
    struct finding f = { .wanted = wanted, .best = f_r };
    char *automatic;
    int rc;

    memset(f_r, 0, sizeof(*f_r));
    if (asprintf(&automatic, "%s/auto", directory) < 0)
        return -ENOMEM;
    f.automatic = automatic;
    rc = look_in(&f, automatic, true);
    if (!rc)
        rc = look_in(&f, directory, false);
    if (!rc)
        rc = find_links(f_r, automatic);
    free(automatic);
    if (rc) {
        log_errno(rc, "%s: the configuration of %s cannot be looked for",
                  directory, wanted->name);
        guest_file_release(f_r);
    }
    return rc;
}

void guest_file_release(struct guest_file *f)
{
    moved_links_release(&f->links);
    free(f->path);
    memset(f, 0, sizeof(*f));
}

/* --- renaming ------------------------------------------------------------- */

static int open_directory_of(const char *path, char *why, size_t size)
{
    char *directory = path_dirname(path);
    int fd = directory ?
        safe_path_open(directory, strlen(directory), why, size) :
        explain(why, size, -ENOMEM, "out of memory");

    free(directory);
    return fd;
}

int guest_file_rename(const char *from, const char *to, char *why,
                      size_t size)
{
    int old = open_directory_of(from, why, size), new, rc;

    if (old < 0)
        return old;
    new = open_directory_of(to, why, size);
    if (new < 0) {
        close(old);
        return new;
    }
    rc = rename_new(old, path_basename(from), new, path_basename(to));
    close(new);
    close(old);
    return rc ? explain(why, size, rc, "%s cannot be renamed to %s: %s", from,
                        to, strerror(-rc)) : 0;
}
