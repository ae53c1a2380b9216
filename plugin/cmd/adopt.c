/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl-dedup adopt: a guest has come by a migration, and its configuration
 * follows it, on standard input (xl/adoption.h).
 *
 * The other host's xl-dedup runs it by ssh.  Whoever may do that may migrate
 * guests to this host, and so is root here in effect; still, what is written is
 * one file that was not there, in the directory of the guests' configurations,
 * which xl reads as that of the guest it is said to be, and a link that has it
 * started at boot.  Nothing is ever replaced.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/buf.h"
#include "plugin/base/exit.h"
#include "plugin/base/fdio.h"
#include "plugin/base/log.h"
#include "plugin/base/rename_new.h"
#include "plugin/base/safe_path.h"
#include "plugin/cmd/commands.h"
#include "plugin/state/configuration.h"
#include "plugin/state/moved.h"
#include "plugin/xl/adoption.h"
#include "plugin/xl/domains.h"
#include "plugin/xl/guest_file.h"

#define INPUT_MAX (GUEST_FILE_MAX + 65536)
#define INPUT_SECONDS 120
#define NAMES_MAX 100               /* that are tried */
#define MODES 0644                  /* that a file may have */

struct adopting {
    const struct configuration *conf;
    struct adoption a;
    int directory;              /* conf->guests_dir */
    char name[512];             /* of the file there */
};

/* --- what comes ----------------------------------------------------------- */

/* Nothing has been done yet, so that the alarm may end us. */
static int read_input(struct buf *b)
{
    ssize_t n = 1;
    uint8_t *p;

    signal(SIGALRM, SIG_DFL);
    alarm(INPUT_SECONDS);
    while (n > 0) {
        p = buf_reserve(b, 4096);
        if (!p)
            return -ENOMEM;
        n = read(STDIN_FILENO, p, 4096);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n < 0)
            return -errno;
        else if ((b->length += n) > INPUT_MAX)
            return -EFBIG;
    }
    alarm(0);
    return 0;
}

/* --- the file ------------------------------------------------------------- */

static char *path_in(const struct adopting *p, const char *name)
{
    char *path;

    return asprintf(&path, "%s/%s", p->conf->guests_dir, name) < 0 ? NULL :
        path;
}

/* Whether the file at path has that content.  -ENOENT: there is none. */
static int compare(const char *path, const struct buf *text, bool *same_r)
{
    struct buf b = BUF_INIT;
    int rc = guest_file_read(path, &b);

    *same_r = !rc && b.length == text->length &&
        (b.length == 0 || !memcmp(b.data, text->data, b.length));
    buf_release(&b);
    /* Whatever else it is: it is not that. */
    return rc == -EFBIG || rc == -ENOTSUP ? 0 : rc;
}

static int write_text(const struct adopting *p, const char *name)
{
    int fd = openat(p->directory, name, O_WRONLY | O_CREAT | O_EXCL |
                    O_NOFOLLOW | O_CLOEXEC, 0600), rc;

    if (fd < 0)
        return -errno;
    rc = fd_write_all(fd, p->a.text.data, p->a.text.length);
    if (!rc && (fchmod(fd, p->a.mode & MODES) || fsync(fd)))
        rc = -errno;
    close(fd);
    return rc;
}

/* xl has the last word on what a file says.  Logs. */
static int check(const struct adopting *p, const char *name)
{
    char *path = path_in(p, name);
    struct domains d = { NULL, 0 };
    int rc = path ? domains_read(&d, path) : -ENOMEM;

    if (!rc && (d.n != 1 ||
                !guest_file_is(&d.list[0], (const char *)p->a.text.data,
                               p->a.name, p->a.uuid))) {
        log_error("what came as the configuration of %s is not its own, as xl "
                  "reads it here", p->a.name);
        rc = -EINVAL;
    }
    domains_release(&d);
    free(path);
    return rc;
}

/* -EEXIST: somebody has taken the name.  All else is logged. */
static int make_file(const struct adopting *p)
{
    char temporary[sizeof(p->name) + 16];
    int rc;

    snprintf(temporary, sizeof(temporary), ".%s.xl-dedup", p->name);
    /* One that was killed may have left it. */
    unlinkat(p->directory, temporary, 0);
    rc = write_text(p, temporary);
    if (rc) {
        log_errno(rc, "%s/%s cannot be written", p->conf->guests_dir,
                  temporary);
    } else {
        rc = check(p, temporary);
        if (!rc) {
            rc = rename_new(p->directory, temporary, p->directory, p->name);
            if (rc && rc != -EEXIST)
                log_errno(rc, "%s/%s cannot be made", p->conf->guests_dir,
                          p->name);
        }
    }
    if (rc)
        unlinkat(p->directory, temporary, 0);
    return rc;
}

/* The i-th name to be tried. */
static void choose_name(struct adopting *p, int i)
{
    char number[16] = "";

    if (i > 1)
        snprintf(number, sizeof(number), ".%d", i);
    if (i > 0)
        snprintf(p->name, sizeof(p->name), "%s.came-from-%s%s", p->a.file,
                 p->a.from, number);
    else
        snprintf(p->name, sizeof(p->name), "%s", p->a.file);
}

/* Logs. */
static int place(struct adopting *p)
{
    bool same = false;
    int rc = -EEXIST, i;
    char *path;

    for (i = 0; i < NAMES_MAX && rc == -EEXIST; i++) {
        choose_name(p, i);
        path = path_in(p, p->name);
        rc = path ? compare(path, &p->a.text, &same) : -ENOMEM;
        if (rc == -ENOENT)
            rc = make_file(p);
        else if (rc)
            log_errno(rc, "%s/%s cannot be read", p->conf->guests_dir,
                      p->name);
        else if (!same)
            rc = -EEXIST;
        free(path);
    }
    if (i == NAMES_MAX && rc == -EEXIST)
        log_error("%s: too many files are called %s", p->conf->guests_dir,
                  p->name);
    return rc;
}

/* --- at boot -------------------------------------------------------------- */

/* Whether a name in "auto" leads to the file. */
static bool leads(const struct adopting *p, const char *automatic)
{
    char *path = path_in(p, p->name), *link, *there = NULL, *file = NULL;
    bool same;

    if (asprintf(&link, "%s/%s", automatic, p->name) < 0)
        link = NULL;
    if (path && link) {
        file = realpath(path, NULL);
        there = realpath(link, NULL);
    }
    same = file && there && !strcmp(file, there);
    free(file);
    free(there);
    free(link);
    free(path);
    return same;
}

static int make_link(const struct adopting *p, const char *automatic,
                     char *why, size_t size)
{
    char target[sizeof(p->name) + 4];
    int fd, rc = 0;

    if (mkdirat(p->directory, "auto", 0755) && errno != EEXIST)
        return explain(why, size, -errno, "%s: %s", automatic,
                       strerror(errno));
    fd = safe_path_open(automatic, strlen(automatic), why, size);
    if (fd < 0)
        return fd;
    snprintf(target, sizeof(target), "../%s", p->name);
    if ((symlinkat(target, fd, p->name) &&
         !(errno == EEXIST && leads(p, automatic))) || fsync(fd))
        rc = explain(why, size, -errno, "%s/%s: %s", automatic, p->name,
                     strerror(errno));
    close(fd);
    return rc;
}

/* False: it is not started, which has been said. */
static bool start_at_boot(const struct adopting *p)
{
    char *automatic = path_in(p, "auto"), why[4096] = "out of memory";
    int rc = -EEXIST;

    if (strcmp(p->name, p->a.file))
        explain(why, sizeof(why), rc, "%s/%s is not what came",
                p->conf->guests_dir, p->a.file);
    else if (automatic)
        rc = make_link(p, automatic, why, sizeof(why));
    if (rc)
        log_warn("%s was started at boot where it came from, and is not here: "
                 "%s", p->a.name, why);
    free(automatic);
    return !rc;
}

/* --- if it was here before ------------------------------------------------ */

/* The file that was set aside is not needed any more if it is the same. */
static void forget_departure(const struct adopting *p)
{
    struct moved m;
    bool same;
    int rc = moved_read(p->conf->state_dir, p->a.uuid, &m);

    if (rc)
        return;
    if (m.aside && !compare(m.aside, &p->a.text, &same)) {
        if (!same)
            log_info("%s is the configuration that %s had here before, and is "
                     "another one; it stays", m.aside, p->a.name);
        else if (!unlink(m.aside))
            fd_sync_directory_of(m.aside);
    }
    rc = moved_forget(p->conf->state_dir, &m);
    if (rc)
        log_errno(rc, "%s is here, but still noted as moved to %s; 'xl-dedup "
                  "reclaim %s' here removes that", m.name, m.host, m.name);
    moved_release(&m);
}

/* -------------------------------------------------------------------------- */

static int adopt(struct adopting *p)
{
    char why[4096], host[128] = "this host";
    bool starts;
    int rc;

    p->directory = safe_path_open(p->conf->guests_dir,
                                  strlen(p->conf->guests_dir), why,
                                  sizeof(why));
    if (p->directory < 0) {
        log_error("%s", why);
        return p->directory;
    }
    gethostname(host, sizeof(host) - 1);
    rc = place(p);
    if (!rc) {
        if (strcmp(p->name, p->a.file))
            log_warn("%s: %s/%s is there and is another one, and stays",
                     host, p->conf->guests_dir, p->a.file);
        starts = p->a.starts && start_at_boot(p);
        forget_departure(p);
        log_info("%s: the configuration of %s is %s/%s%s", host, p->a.name,
                 p->conf->guests_dir, p->name, starts ? ", and it is started "
                 "at boot" : "");
    }
    close(p->directory);
    return rc;
}

int cmd_adopt(int argc, char **argv)
{
    struct configuration conf;
    struct adopting p = { .conf = &conf };
    struct buf b = BUF_INIT;
    int rc;

    (void)argv;
    if (argc != 1) {
        log_error("adopt is run by 'xl migrate --dedup' of the other host");
        return XD_EXIT_USAGE;
    }
    rc = configuration_load(&conf);
    if (rc)
        return log_exit("adopt", rc);
    rc = read_input(&b);
    if (!rc)
        rc = adoption_decode(&b, &p.a);
    if (rc)
        log_errno(rc, "what came is no guest's configuration");
    else
        rc = adopt(&p);
    buf_release(&p.a.text);
    buf_release(&b);
    configuration_release(&conf);
    return log_exit("adopt", rc);
}
