/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guests that have moved away; see moved.h.  Source: xattr(7). */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "plugin/base/buf.h"
#include "plugin/base/fdio.h"
#include "plugin/base/paths.h"
#include "plugin/image/node.h"
#include "plugin/image/stamp.h"
#include "plugin/state/moved.h"
#include "plugin/state/record.h"
#include "plugin/state/record_file.h"

#define DIRECTORY "moved"
#define UUID_LENGTH 36
#define MARK_MAX 2048               /* bytes; more than any of ours */

/* Only root sees the first. */
static const char *const attributes[] = {
    "trusted.xl-dedup.moved", "user.xl-dedup.moved",
};
#define N_ATTRIBUTES (sizeof(attributes) / sizeof(attributes[0]))

/* --- in memory ------------------------------------------------------------ */

bool moved_uuid_is_one(const char *uuid)
{
    return strlen(uuid) == UUID_LENGTH &&
        strspn(uuid, "0123456789abcdefABCDEF-") == UUID_LENGTH;
}

static int copy(char **to, const char *from)
{
    *to = strdup(from);
    return *to ? 0 : -ENOMEM;
}

int moved_begin(struct moved *m_r, const char *uuid, const char *name,
                const char *host)
{
    memset(m_r, 0, sizeof(*m_r));
    if (!moved_uuid_is_one(uuid))
        return -EINVAL;
    m_r->time = time(NULL);
    if (copy(&m_r->uuid, uuid) || copy(&m_r->name, name) ||
        copy(&m_r->host, host)) {
        moved_release(m_r);
        return -ENOMEM;
    }
    return 0;
}

void moved_release(struct moved *m)
{
    while (m->n_images > 0) {
        m->n_images--;
        free(m->images[m->n_images].vdev);
        free(m->images[m->n_images].path);
        free(m->images[m->n_images].file);
    }
    moved_links_release(&m->links);
    free(m->images);
    free(m->uuid);
    free(m->name);
    free(m->host);
    free(m->config);
    free(m->aside);
    memset(m, 0, sizeof(*m));
}

/* file: NULL for a device. */
static int add_image(struct moved *m, const char *vdev, const char *path,
                     const char *file)
{
    struct moved_image *i = reallocarray(m->images, m->n_images + 1,
                                         sizeof(*i));

    if (!i)
        return -ENOMEM;
    m->images = i;
    i += m->n_images++;
    memset(i, 0, sizeof(*i));
    if (copy(&i->vdev, vdev) || copy(&i->path, path))
        return -ENOMEM;
    return file ? copy(&i->file, file) : 0;
}

int moved_links_add(struct moved_links *l, const char *path,
                    const char *target)
{
    struct moved_link *one = reallocarray(l->list, l->n + 1, sizeof(*one));

    if (!one)
        return -ENOMEM;
    l->list = one;
    one += l->n++;
    memset(one, 0, sizeof(*one));
    return copy(&one->path, path) || copy(&one->target, target) ? -ENOMEM : 0;
}

int moved_links_add_all(struct moved_links *l, const struct moved_links *from)
{
    size_t i;
    int rc = 0;

    for (i = 0; i < from->n && !rc; i++)
        rc = moved_links_add(l, from->list[i].path, from->list[i].target);
    return rc;
}

void moved_links_release(struct moved_links *l)
{
    while (l->n > 0) {
        l->n--;
        free(l->list[l->n].path);
        free(l->list[l->n].target);
    }
    free(l->list);
    memset(l, 0, sizeof(*l));
}

/* --- the attribute -------------------------------------------------------- */

static void set_attribute(int fd, const struct moved *m)
{
    struct buf b = BUF_INIT;
    size_t i;

    buf_put_text(&b, "uuid", m->uuid);
    buf_put_text(&b, "name", m->name);
    buf_put_text(&b, "host", m->host);
    buf_put_text_u64(&b, "time", m->time);
    for (i = 0; i < N_ATTRIBUTES && !b.failed; i++)
        if (!fsetxattr(fd, attributes[i], b.data, b.length, 0))
            break;
    buf_release(&b);
}

/* The special file of a device is not what it stands for. */
static bool is_file(const char *path)
{
    struct stat st;

    return !stat(path, &st) && S_ISREG(st.st_mode);
}

int moved_unmark(const char *path)
{
    bool removed = false;
    int rc = -ENODATA;
    size_t i;

    for (i = 0; is_file(path) && i < N_ATTRIBUTES; i++)
        if (!removexattr(path, attributes[i]))
            removed = true;
        else if (errno != ENODATA && errno != EOPNOTSUPP)
            rc = -errno;
    return removed ? 0 : rc;
}

static void get_text(char *to, size_t size, const void *data, size_t n,
                     const char *key)
{
    const char *value = text_get(data, n, key, 0);

    snprintf(to, size, "%s", value ? value : "");
}

static bool has_attribute(const char *path, struct moved_sign *s_r)
{
    char mark[MARK_MAX];
    uint64_t when = 0;
    ssize_t n = -1;
    size_t i;

    for (i = 0; is_file(path) && i < N_ATTRIBUTES && n < 0; i++)
        n = getxattr(path, attributes[i], mark, sizeof(mark));
    /* What is there but is none of our texts marks it, too. */
    if (n < 0)
        return false;
    memset(s_r, 0, sizeof(*s_r));
    if (!text_valid(mark, n) || text_get_u64(mark, n, "time", &when))
        return true;
    s_r->time = when;
    get_text(s_r->uuid, sizeof(s_r->uuid), mark, n, "uuid");
    get_text(s_r->name, sizeof(s_r->name), mark, n, "name");
    get_text(s_r->host, sizeof(s_r->host), mark, n, "host");
    return true;
}

int moved_add_image(struct moved *m, const char *vdev, const char *path,
                    bool attribute)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), rc;
    struct stat st;
    char *file;

    if (fd < 0)
        return -errno;
    rc = fstat(fd, &st) ? -errno : 0;
    if (!rc && attribute && S_ISREG(st.st_mode))
        set_attribute(fd, m);
    close(fd);
    if (rc || S_ISBLK(st.st_mode))
        return rc ? rc : add_image(m, vdev, path, NULL);
    /* Now: where no time of birth is told, that of the last change counts,
     * which the attribute has set. */
    file = stamp_text(path);
    rc = file ? add_image(m, vdev, path, file) : -ENOMEM;
    free(file);
    return rc;
}

/* --- notes ---------------------------------------------------------------- */

static char *note_path(const char *state_dir, const char *uuid)
{
    char *path;

    return asprintf(&path, "%s/" DIRECTORY "/%s.json", state_dir, uuid) < 0 ?
        NULL : path;
}

static int put_text(struct json_object *o, const char *key, const char *text)
{
    return text ? record_file_add(o, key, json_object_new_string(text)) : 0;
}

/* Appends an object of two or three texts. */
static int append(struct json_object *list, const char *const keys[3],
                  const char *const texts[3])
{
    struct json_object *o = json_object_new_object();
    int rc = o ? 0 : -ENOMEM, i;

    for (i = 0; i < 3 && !rc && keys[i]; i++)
        rc = put_text(o, keys[i], texts[i]);
    if (!rc && json_object_array_add(list, o))
        rc = -ENOMEM;
    if (rc)
        json_object_put(o);
    return rc;
}

static const char *const image_keys[3] = { "vdev", "path", "file" };
static const char *const link_keys[3] = { "path", "target", NULL };

static int encode_lists(struct json_object *o, const struct moved *m)
{
    struct json_object *images = json_object_new_array(), *links;
    int rc = record_file_add(o, "images", images);
    size_t i;

    for (i = 0; i < m->n_images && !rc; i++)
        rc = append(images, image_keys, (const char *const []){
            m->images[i].vdev, m->images[i].path, m->images[i].file });
    if (rc)
        return rc;
    links = json_object_new_array();
    rc = record_file_add(o, "links", links);
    for (i = 0; i < m->links.n && !rc; i++)
        rc = append(links, link_keys, (const char *const []){
            m->links.list[i].path, m->links.list[i].target, NULL });
    return rc;
}

static int encode(struct json_object *o, const struct moved *m)
{
    int rc;

    if ((rc = put_text(o, "uuid", m->uuid)) ||
        (rc = put_text(o, "name", m->name)) ||
        (rc = put_text(o, "host", m->host)) ||
        (rc = record_file_add(o, "time", json_object_new_int64(m->time))) ||
        (m->unsure &&
         (rc = record_file_add(o, "unsure", json_object_new_boolean(true)))) ||
        (rc = put_text(o, "config", m->config)) ||
        (rc = put_text(o, "aside", m->aside)))
        return rc;
    return encode_lists(o, m);
}

int moved_write(const char *state_dir, const struct moved *m)
{
    struct json_object *o = json_object_new_object();
    char *path = note_path(state_dir, m->uuid);
    char *directory = path ? path_dirname(path) : NULL;
    int rc = o && directory ? encode(o, m) : -ENOMEM;

    if (!rc)
        rc = record_file_make_directory(state_dir, DIRECTORY);
    if (!rc)
        rc = fd_sync_directory_of(directory);
    if (!rc)
        rc = record_file_replace(path, o);
    free(directory);
    free(path);
    json_object_put(o);
    return rc;
}

static int decode_image(struct json_object *o, struct moved *m)
{
    const char *vdev = record_file_string(o, "vdev");
    const char *path = record_file_string(o, "path");

    return vdev && path ?
        add_image(m, vdev, path, record_file_string(o, "file")) : -EUCLEAN;
}

static int decode_link(struct json_object *o, struct moved *m)
{
    const char *path = record_file_string(o, "path");
    const char *target = record_file_string(o, "target");

    return path && target ? moved_links_add(&m->links, path, target) : -EUCLEAN;
}

static int decode_list(struct json_object *o, const char *key, struct moved *m,
                       int (*one)(struct json_object *o, struct moved *m))
{
    struct json_object *list;
    size_t n, i;
    int rc = 0;

    if (!json_object_object_get_ex(o, key, &list) ||
        !json_object_is_type(list, json_type_array))
        return 0;
    n = json_object_array_length(list);
    for (i = 0; i < n && !rc; i++)
        rc = one(json_object_array_get_idx(list, i), m);
    return rc;
}

static int decode(struct json_object *o, const char *uuid, struct moved *m_r)
{
    const char *name = record_file_string(o, "name");
    const char *host = record_file_string(o, "host");
    const char *config = record_file_string(o, "config");
    const char *aside = record_file_string(o, "aside");
    struct json_object *when, *unsure;
    int rc;

    if (!name || !host || !json_object_object_get_ex(o, "time", &when))
        return -EUCLEAN;
    rc = moved_begin(m_r, uuid, name, host);
    if (rc)
        return rc;
    m_r->time = json_object_get_int64(when);
    m_r->unsure = json_object_object_get_ex(o, "unsure", &unsure) &&
        json_object_get_boolean(unsure);
    if (config && aside &&
        (copy(&m_r->config, config) || copy(&m_r->aside, aside)))
        rc = -ENOMEM;
    if (!rc)
        rc = decode_list(o, "images", m_r, decode_image);
    if (!rc)
        rc = decode_list(o, "links", m_r, decode_link);
    if (rc)
        moved_release(m_r);
    return rc;
}

int moved_read(const char *state_dir, const char *uuid, struct moved *m_r)
{
    char *path = moved_uuid_is_one(uuid) ? note_path(state_dir, uuid) : NULL;
    struct json_object *o = NULL;
    int rc;

    memset(m_r, 0, sizeof(*m_r));
    if (!path)
        return moved_uuid_is_one(uuid) ? -ENOMEM : -EINVAL;
    rc = access(path, R_OK) ? -errno : record_file_read(path, &o);
    free(path);
    if (!rc)
        rc = json_object_is_type(o, json_type_object) ?
            decode(o, uuid, m_r) : -EUCLEAN;
    json_object_put(o);
    return rc;
}

static int list_one(const char *state_dir, const char *file,
                    int (*each)(void *opaque, const struct moved *m),
                    void *opaque)
{
    char uuid[UUID_LENGTH + 1];
    struct moved m;
    int rc = 0;

    if (strlen(file) != UUID_LENGTH + 5 || strcmp(file + UUID_LENGTH, ".json"))
        return 0;
    memcpy(uuid, file, UUID_LENGTH);
    uuid[UUID_LENGTH] = '\0';
    if (!moved_read(state_dir, uuid, &m))
        rc = each(opaque, &m);
    moved_release(&m);
    return rc;
}

int moved_list(const char *state_dir,
               int (*each)(void *opaque, const struct moved *m), void *opaque)
{
    struct dirent **entries;
    char *directory;
    int n, i, rc = 0;

    if (asprintf(&directory, "%s/" DIRECTORY, state_dir) < 0)
        return -ENOMEM;
    n = scandir(directory, &entries, NULL, alphasort);
    if (n < 0 && errno != ENOENT && errno != ENOTDIR)
        rc = -errno;
    for (i = 0; i < n; i++) {
        if (!rc)
            rc = list_one(state_dir, entries[i]->d_name, each, opaque);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    free(directory);
    return rc;
}

int moved_forget(const char *state_dir, const struct moved *m)
{
    char *path = note_path(state_dir, m->uuid);
    size_t i;
    int rc = path ? 0 : -ENOMEM;

    for (i = 0; i < m->n_images; i++)
        if (m->images[i].file &&
            stamp_text_is(m->images[i].path, m->images[i].file))
            moved_unmark(m->images[i].path);
    if (!rc && unlink(path) && errno != ENOENT)
        rc = -errno;
    if (!rc)
        rc = fd_sync_directory_of(path);
    free(path);
    return rc;
}

/* --- the question --------------------------------------------------------- */

struct search {
    const char *state_dir;
    const char *path;
    struct moved_sign *sign;
};

struct later {
    const char *path;
    int64_t time;
    bool found;
};

static int is_later(void *opaque, const struct record *r)
{
    struct later *l = opaque;

    l->found = l->found || (r->time >= l->time && !strcmp(r->path, l->path) &&
                            (!strcmp(r->role, RECORD_RECEIVED) ||
                             !strcmp(r->role, RECORD_RECEIVING)));
    return 0;
}

/* Whether a device still has what the guest left there. */
static bool has_still(const char *state_dir, const struct moved *m,
                      const struct moved_image *i, const char *path)
{
    struct later l = { i->path, m->time, false };
    struct stat then, now;

    if (stat(i->path, &then) || stat(path, &now) ||
        !S_ISBLK(then.st_mode) || !S_ISBLK(now.st_mode) ||
        !same_node(&then, &now))
        return false;
    record_list(state_dir, is_later, &l);
    return !l.found;
}

bool moved_image_is(const char *state_dir, const struct moved *m,
                    const struct moved_image *i, const char *path)
{
    return i->file ? stamp_text_is(path, i->file) :
        has_still(state_dir, m, i, path);
}

static int search_one(void *opaque, const struct moved *m)
{
    struct search *s = opaque;
    const struct moved_image *i;
    size_t n;

    for (n = 0; n < m->n_images; n++) {
        i = &m->images[n];
        if (!moved_image_is(s->state_dir, m, i, s->path))
            continue;
        snprintf(s->sign->uuid, sizeof(s->sign->uuid), "%s", m->uuid);
        snprintf(s->sign->name, sizeof(s->sign->name), "%s", m->name);
        snprintf(s->sign->host, sizeof(s->sign->host), "%s", m->host);
        s->sign->time = m->time;
        s->sign->unsure = m->unsure;
        return 1;
    }
    return 0;
}

bool moved_is_marked(const char *state_dir, const char *path,
                     struct moved_sign *s_r)
{
    struct search s = { state_dir, path, s_r };

    memset(s_r, 0, sizeof(*s_r));
    return moved_list(state_dir, search_one, &s) == 1 ||
        has_attribute(path, s_r);
}
