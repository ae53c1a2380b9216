/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's configuration follows it, and does not stay; see handover.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin/base/buf.h"
#include "plugin/base/clock.h"
#include "plugin/base/fdio.h"
#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/state/moved.h"
#include "plugin/wire/peer.h"
#include "plugin/xl/adoption.h"
#include "plugin/xl/guest_file.h"
#include "plugin/xl/handover.h"

#define DELIVER_SECONDS 30          /* with the connection and its key */
#define NAMES_MAX 100               /* of files that were set aside */

struct handover {
    const struct guest *guest;
    const char *host;
    const char *guests_dir;
    const char *state_dir;
    const char **command;           /* leads to xl-dedup adopt; NULL: unknown */
    struct guest_file file;         /* what was found here */
    struct buf given;               /* what xl -C was given */
    bool is_given;
    char *aside;                    /* where the file is to be, or NULL */
    bool is_aside;                  /* it is there */

    pthread_mutex_t lock;           /* of what follows */
    bool is_expected;               /* it may run there */
    bool is_decided;                /* where it runs */
    bool has_before;
    struct moved before;            /* the note that there was */
};

int handover_option(struct handover_options *o, int option, const char *value)
{
    if (option == HANDOVER_OPTION_KEEP)
        o->keep = true;
    else if (option == HANDOVER_OPTION_CONFIG)
        o->config = value;
    else
        return -ENOENT;
    return 0;
}

/* --- before --------------------------------------------------------------- */

/* The same way, to another command; NULL if the administrator's own command
 * leads there, of which nothing is known, or there is no memory. */
static const char **adopt_command(const char *const *command)
{
    const char **adopt;
    size_t n = 0, i;

    while (command[n] && !(n > 0 && command[n + 1] &&
                           !strcmp(command[n], "xl-dedup") &&
                           !strcmp(command[n + 1], "receive-xl")))
        n++;
    adopt = command[n] ? calloc(n + 3, sizeof(*adopt)) : NULL;
    if (!adopt)
        return NULL;
    for (i = 0; i < n; i++)
        adopt[i] = command[i];
    adopt[n] = "xl-dedup";
    adopt[n + 1] = "adopt";
    return adopt;
}

/* Fills paths with those of the guest's disks; returns how many. */
static size_t disk_paths(const struct guest *g, const char **paths, size_t most)
{
    const char *vdev;
    unsigned i;

    for (i = 0; i < most && (vdev = sender_vdev(g->sender, i)); i++)
        paths[i] = sender_image(g->sender, vdev)->path;
    return i;
}

static void look_for_file(struct handover *h)
{
    const char *paths[64];
    struct guest_file_wanted wanted = {
        .name = h->guest->name, .uuid = h->guest->uuid, .paths = paths,
        .n_paths = disk_paths(h->guest, paths, 64),
    };

    guest_file_find(&h->file, h->guests_dir, &wanted);
}

/* xl reads it when it begins, and it may be a passing one. */
static void read_given(struct handover *h, const char *config)
{
    int rc = config ? guest_file_read(config, &h->given) : -ENOENT;

    h->is_given = !rc;
    if (config && rc)
        log_warn("%s cannot be read, and will not be brought to %s: %s",
                 config, h->host, strerror(-rc));
}

struct handover *handover_prepare(const struct handover_options *o,
                                  const struct configuration *conf,
                                  const struct guest *guest,
                                  const char *const *command)
{
    struct handover *h = o->keep ? NULL : calloc(1, sizeof(*h));

    if (!h) {
        if (!o->keep)
            log_warn("out of memory: the guest's configuration stays as it "
                     "is");
        return NULL;
    }
    pthread_mutex_init(&h->lock, NULL);
    h->guest = guest;
    h->host = guest->host;
    h->guests_dir = conf->guests_dir;
    h->state_dir = conf->state_dir;
    h->command = adopt_command(command);
    read_given(h, o->config);
    look_for_file(h);
    return h;
}

/* --- when it runs there --------------------------------------------------- */

/* Others that only read a disk may go on with it; this guest's own. */
static void mark_images(const struct handover *h, struct moved *m)
{
    const struct guest *g = h->guest;
    bool stays = !m->unsure && !g->remove_source.remove &&
        !g->remove_source.wipe;
    const struct backend *b;
    const char *vdev, *path;
    unsigned i;
    int rc;

    for (i = 0; (vdev = sender_vdev(g->sender, i)); i++) {
        b = backends_find(g->attached, vdev);
        if (b && !backend_is_writable(b))
            continue;
        path = sender_image(g->sender, vdev)->path;
        /* What is removed must be what was sent, by its times. */
        rc = moved_add_image(m, vdev, path, stays);
        if (rc)
            log_lasting(XTL_WARN, "disk %s: %s cannot be marked as old: %s; "
                        "take care not to start %s from it", vdev, path,
                        strerror(-rc), g->name);
    }
}

/* The part of a host's name that may stand in that of a file. */
static void plain_host(char *to, size_t size, const char *host)
{
    const char *at = strrchr(host, '@');
    char *p;

    snprintf(to, size, "%s", at ? at + 1 : host);
    for (p = to; *p; p++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                    "0123456789.-", *p))
            *p = '_';
}

/* A name that nothing has, outside "auto", where whatever lies is started. */
static char *aside_name(const struct handover *h)
{
    char *directory = h->file.in_auto ? strdup(h->guests_dir) :
        path_dirname(h->file.path), *name, number[16] = "", host[128];
    struct stat st;
    int i;

    plain_host(host, sizeof(host), h->host);
    for (i = 2; directory && i < NAMES_MAX; i++) {
        if (asprintf(&name, "%s/%s.moved-to-%s%s", directory,
                     path_basename(h->file.path), host, number) < 0)
            break;
        if (lstat(name, &st) && errno == ENOENT) {
            free(directory);
            return name;
        }
        free(name);
        snprintf(number, sizeof(number), ".%d", i);
    }
    free(directory);
    return NULL;
}

/* The guest was away before, and its file has been aside since. */
static int note_as_before(const struct handover *h, struct moved *m)
{
    struct moved before;
    int rc = 0;

    if (moved_read(h->state_dir, h->guest->uuid, &before))
        return 0;
    if (before.aside && !access(before.aside, F_OK)) {
        m->config = before.config;
        m->aside = before.aside;
        before.config = before.aside = NULL;
        rc = moved_links_add_all(&m->links, &before.links);
    }
    moved_release(&before);
    return rc;
}

/* What is about to be done, so that it can be undone whatever happens. */
static int note(struct handover *h, struct moved *m)
{
    int rc = h->file.path ? 0 : note_as_before(h, m);

    free(h->aside);
    h->aside = h->file.path ? aside_name(h) : NULL;
    if (h->aside) {
        m->config = strdup(h->file.path);
        m->aside = strdup(h->aside);
        rc = m->config && m->aside ? 0 : -ENOMEM;
    }
    if (!rc)
        rc = moved_links_add_all(&m->links, &h->file.links);
    return rc ? rc : moved_write(h->state_dir, m);
}

static bool is_still(const struct moved_link *l)
{
    char target[4096];
    ssize_t n = readlink(l->path, target, sizeof(target));

    return n >= 0 && (size_t)n == strlen(l->target) &&
        !memcmp(target, l->target, n);
}

static void remove_links(const struct handover *h)
{
    const char *path;
    size_t i;
    int rc;

    for (i = 0; i < h->file.links.n; i++) {
        path = h->file.links.list[i].path;
        if (!is_still(&h->file.links.list[i]))
            continue;
        rc = unlink(path) && errno != ENOENT ? -errno : 0;
        if (!rc)
            rc = fd_sync_directory_of(path);
        if (rc)
            log_lasting(XTL_WARN, "%s cannot be removed: %s; as long as it is "
                        "there, the next boot tries to start %s", path,
                        strerror(-rc), h->guest->name);
    }
}

static void set_aside(struct handover *h)
{
    char why[4096] = "too many files have that name";
    int rc;

    if (!h->file.path)
        return;
    rc = h->aside ? guest_file_rename(h->file.path, h->aside, why,
                                      sizeof(why)) : -EEXIST;
    h->is_aside = !rc;
    if (rc)
        log_lasting(XTL_WARN, "%s cannot be set aside: %s; do not start %s "
                    "from it", h->file.path, why, h->guest->name);
    else
        log_info("%s runs at %s now: its configuration here is %s%s; "
                 "'xl-dedup reclaim %s' undoes that", h->guest->name, h->host,
                 h->aside, h->file.links.n ? ", and it is not started at boot "
                 "any more" : "", h->guest->name);
}

static void write_note(struct handover *h, bool unsure)
{
    struct moved m;
    int rc = moved_begin(&m, h->guest->uuid, h->guest->name, h->host);

    if (!rc) {
        m.unsure = unsure;
        mark_images(h, &m);
        rc = note(h, &m);
        moved_release(&m);
    }
    if (rc && unsure)
        log_warn("that %s may start at %s now cannot be noted below %s: %s",
                 h->guest->name, h->host, h->state_dir, strerror(-rc));
    else if (rc)
        log_lasting(XTL_WARN, "that %s has moved to %s cannot be noted below "
                    "%s: %s; take care not to start it here", h->guest->name,
                    h->host, h->state_dir, strerror(-rc));
}

void handover_expect(struct handover *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    if (!h->is_expected && !h->is_decided) {
        h->is_expected = true;
        h->has_before = !moved_read(h->state_dir, h->guest->uuid, &h->before) &&
            !h->before.unsure;
        write_note(h, true);
    }
    pthread_mutex_unlock(&h->lock);
}

static void take_note_back(struct handover *h)
{
    struct moved m;
    int rc = h->has_before ? moved_write(h->state_dir, &h->before) :
        moved_read(h->state_dir, h->guest->uuid, &m);

    if (!rc && !h->has_before) {
        rc = moved_forget(h->state_dir, &m);
        moved_release(&m);
    }
    if (rc && rc != -ENOENT)
        log_lasting(XTL_WARN, "that %s might have moved to %s is still noted: "
                    "%s; 'xl-dedup reclaim %s' removes that", h->guest->name,
                    h->host, strerror(-rc), h->guest->name);
}

void handover_cancel(struct handover *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    if (h->is_expected && !h->is_decided)
        take_note_back(h);
    h->is_decided = true;
    pthread_mutex_unlock(&h->lock);
}

bool handover_is_unsure(struct handover *h)
{
    bool unsure;

    if (!h)
        return false;
    pthread_mutex_lock(&h->lock);
    unsure = h->is_expected && !h->is_decided;
    pthread_mutex_unlock(&h->lock);
    return unsure;
}

/* The administrator may have changed it in the time that the migration took. */
static void look_again(struct handover *h)
{
    if (!h->file.path || guest_file_has_name(h->file.path, h->guest->name))
        return;
    log_lasting(XTL_WARN, "%s is not the configuration of %s any more, and is "
                "left alone", h->file.path, h->guest->name);
    guest_file_release(&h->file);
}

void handover_commit(struct handover *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    if (!h->is_decided) {
        h->is_decided = true;
        look_again(h);
        write_note(h, false);
        remove_links(h);
        set_aside(h);
    }
    pthread_mutex_unlock(&h->lock);
}

/* --- afterwards ----------------------------------------------------------- */

/* What goes there: the file that xl -C was given, else the guest's. */
static int read_text(const struct handover *h, struct buf *b)
{
    if (!h->is_given)
        return guest_file_read(h->is_aside ? h->aside : h->file.path, b);
    buf_put(b, h->given.data, h->given.length);
    return b->failed ? -ENOMEM : 0;
}

/* The name of the file there: the same, or the guest's if that one is not taken
 * there, as one with a blank. */
static int file_name(const struct handover *h, char *name, size_t size)
{
    const char *here = h->file.path ? path_basename(h->file.path) : "";
    int n = guest_file_name_is_one(here) ?
        snprintf(name, size, "%s", here) :
        snprintf(name, size, "%s.cfg", h->guest->name);

    return (size_t)n < size && guest_file_name_is_one(name) ? 0 : -EINVAL;
}

static int encode(const struct handover *h, const char *name, struct buf *b)
{
    struct adoption a = {
        .name = h->guest->name, .uuid = h->guest->uuid, .file = name,
        .starts = h->file.links.n > 0 || h->file.in_auto,
    };
    const char *path = h->is_aside ? h->aside : h->file.path;
    char full[128] = "", host[128];
    struct stat st;
    int rc;

    gethostname(full, sizeof(full) - 1);
    plain_host(host, sizeof(host), full);
    a.from = guest_file_name_is_one(host) ? host : "elsewhere";
    a.mode = path && !stat(path, &st) ? st.st_mode & 0777 : 0600;
    rc = read_text(h, &a.text);
    if (!rc)
        rc = adoption_encode(&a, b);
    buf_release(&a.text);
    return rc;
}

/* Until the other end has closed its output, which we read to nowhere. */
static int wait_for_end(int fd, double limit)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char nowhere[512];
    ssize_t n;
    int left;

    for (;;) {
        left = (limit - monotonic_seconds()) * 1000;
        if (left <= 0)
            return -ETIMEDOUT;
        n = poll(&p, 1, left);
        if (n > 0)
            n = read(fd, nowhere, sizeof(nowhere));
        else
            n = n < 0 ? -1 : 1;
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -errno;
    }
}

/* It must not block us: what is sent is longer than a pipe may hold. */
static int say(int fd, const struct buf *b, double limit)
{
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    size_t at = 0;
    ssize_t n;

    if (fcntl(fd, F_SETFL, O_NONBLOCK))
        return -errno;
    while (at < b->length) {
        if (monotonic_seconds() > limit)
            return -ETIMEDOUT;
        n = write(fd, b->data + at, b->length - at);
        if (n >= 0)
            at += n;
        else if (errno == EAGAIN)
            poll(&p, 1, 1000);
        else if (errno != EINTR)
            return -errno;
    }
    return 0;
}

static int send_there(const struct handover *h, const struct buf *b)
{
    double limit = monotonic_seconds() + DELIVER_SECONDS;
    struct peer p = PEER_INIT;
    int rc, status;

    /* What xl was connected to may be closed by now. */
    fd_have_standard();
    rc = peer_start(&p, h->host, h->command);
    if (rc)
        return rc;
    rc = say(p.out_fd, b, limit);
    /* If it has ended before it had read all, its status tells more. */
    if (!rc || rc == -EPIPE)
        rc = peer_hang_up(&p);
    if (!rc)
        rc = wait_for_end(p.in_fd, limit);
    status = rc ? -1 : peer_wait(&p);
    if (status < 0)
        peer_end(&p);
    return rc ? rc : status >= 0 && WIFEXITED(status) && !WEXITSTATUS(status) ?
        0 : -ECONNABORTED;
}

/* xl must still hear that the guest has moved: until then nothing ends us. */
static int deliver(const struct handover *h, const char *name)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction ignore = { .sa_handler = SIG_IGN }, before[3];
    struct buf b = BUF_INIT;
    int rc = encode(h, name, &b), i;

    for (i = 0; i < 3; i++)
        sigaction(signals[i], &ignore, &before[i]);
    if (!rc)
        rc = send_there(h, &b);
    for (i = 0; i < 3; i++)
        sigaction(signals[i], &before[i], NULL);
    buf_release(&b);
    return rc;
}

static void say_undelivered(const struct handover *h, const char *name,
                            const char *why)
{
    const char *path = h->is_aside ? h->aside : h->file.path;

    log_lasting(XTL_WARN, "%s runs at %s, but its configuration was not "
                "brought there: %s; copy %s there as %s/%s", h->guest->name,
                h->host, why, path && !h->is_given ? path :
                "what was given with -C", h->guests_dir, name);
}

void handover_deliver(struct handover *h)
{
    char name[256];
    int rc;

    if (!h)
        return;
    if (!h->file.path && !h->is_given) {
        log_info("no configuration of %s was found below %s, so none was "
                 "brought to %s", h->guest->name, h->guests_dir, h->host);
        return;
    }
    if (file_name(h, name, sizeof(name))) {
        say_undelivered(h, "NAME", "its name is no file's");
    } else if (!h->command) {
        say_undelivered(h, name, "the command that leads there is your own");
    } else {
        rc = deliver(h, name);
        if (rc)
            say_undelivered(h, name, rc == -ECONNABORTED ?
                            "see the message above" : strerror(-rc));
    }
}
