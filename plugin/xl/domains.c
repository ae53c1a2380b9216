/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The domains of this host; see domains.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin/base/buf.h"
#include "plugin/base/json_text.h"
#include "plugin/base/log.h"
#include "plugin/xl/domains.h"
#include "plugin/xl/facts.h"

#define OUTPUT_MAX (64u << 20)      /* more than a host's domains take */

const char *domains_xl(void)
{
    const char *xl = getenv("XL_DEDUP_XL");

    return xl && *xl ? xl : REAL_XL;
}

/* Its standard error is ours: xl says itself what is wrong.  Its input is
 * not: that may be the wire. */
static void run_xl(const char *const *argv, int out_fd)
{
    int nothing = open("/dev/null", O_RDONLY);

    signal(SIGPIPE, SIG_DFL);
    if (nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 &&
        dup2(out_fd, STDOUT_FILENO) >= 0)
        execv(domains_xl(), (char *const *)argv);
    log_errno(-errno, "%s cannot be run", domains_xl());
    _exit(127);
}

static int read_all(int fd, struct buf *b)
{
    ssize_t n;
    void *p;

    while (b->length < OUTPUT_MAX) {
        p = buf_reserve(b, 64 << 10);
        if (!p)
            return -ENOMEM;
        n = read(fd, p, 64 << 10);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0) {
            buf_put_u8(b, 0);
            return b->failed ? -ENOMEM : 0;
        }
        b->length += n;
    }
    return -EFBIG;
}

/* What xl prints, NUL at its end. */
static int ask_xl(const char *const *argv, struct buf *b)
{
    int fds[2], status, rc;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC))
        return -errno;
    pid = fork();
    if (pid == 0)
        run_xl(argv, fds[1]);
    rc = pid < 0 ? -errno : 0;
    close(fds[1]);
    if (!rc)
        rc = read_all(fds[0], b);
    close(fds[0]);
    if (pid > 0)
        while (waitpid(pid, &status, 0) < 0)
            if (errno != EINTR)
                return -errno;
    if (!rc && (!WIFEXITED(status) || WEXITSTATUS(status)))
        rc = -ESRCH;
    if (rc)
        log_error("'xl %s' failed: %s", argv[1],
                  rc == -ESRCH ? "see its message above" : strerror(-rc));
    return rc;
}

/* JSON */

static int64_t number_of(json_object *o, const char *key)
{
    json_object *value;

    return json_object_object_get_ex(o, key, &value) ?
        json_object_get_int64(value) : 0;
}

static int copy(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return from && !*to ? -ENOMEM : 0;
}

static int take_disk(struct domain_disk *d, json_object *o)
{
    const char *vdev = facts_text(o, "vdev");
    const char *path = facts_text(o, "pdev_path");
    const char *backend = facts_text(o, "backend_domname");

    d->writable = number_of(o, "readwrite");
    d->cdrom = number_of(o, "is_cdrom");
    d->elsewhere = number_of(o, "backend_domid") != 0 ||
        (backend && *backend && strcmp(backend, "Domain-0") &&
         strcmp(backend, "0"));
    if (copy(&d->vdev, vdev ? vdev : "") ||
        copy(&d->path, path ? path : "") ||
        copy(&d->format, facts_text(o, "format")) ||
        copy(&d->script, facts_text(o, "script")))
        return -ENOMEM;
    return 0;
}

static int take_disks(struct domain *d, json_object *config)
{
    json_object *disks;
    size_t i, n;
    int rc = 0;

    if (!json_object_object_get_ex(config, "disks", &disks) ||
        !json_object_is_type(disks, json_type_array))
        return 0;
    n = json_object_array_length(disks);
    d->disks = calloc(n + 1, sizeof(*d->disks));
    if (!d->disks)
        return -ENOMEM;
    for (i = 0; i < n && !rc; i++)
        rc = take_disk(&d->disks[d->n_disks++],
                       json_object_array_get_idx(disks, i));
    return rc;
}

static int take_domain(struct domain *d, json_object *o)
{
    json_object *config, *info;

    /* A configuration file's comes without this. */
    if (!json_object_object_get_ex(o, "config", &config))
        config = o;
    snprintf(d->domid, sizeof(d->domid), "%lld",
             (long long)number_of(o, "domid"));
    if (json_object_object_get_ex(config, "c_info", &info) &&
        (copy(&d->name, facts_text(info, "name")) ||
         copy(&d->uuid, facts_text(info, "uuid"))))
        return -ENOMEM;
    if (json_object_object_get_ex(config, "b_info", &info)) {
        int64_t kb = number_of(info, "target_memkb");

        if (kb <= 0)
            kb = number_of(info, "max_memkb");
        d->memory = kb > 0 ? (uint64_t)kb << 10 : 0;
    }
    return take_disks(d, config);
}

int domains_take(struct domains *d, json_object *o)
{
    bool many = json_object_is_type(o, json_type_array);
    size_t i, n = many ? json_object_array_length(o) : 1;
    int rc = 0;

    *d = (struct domains){ NULL, 0 };
    d->list = calloc(n + 1, sizeof(*d->list));
    if (!d->list)
        return -ENOMEM;
    for (i = 0; i < n && !rc; i++)
        rc = take_domain(&d->list[d->n++],
                         many ? json_object_array_get_idx(o, i) : o);
    return rc;
}

int domains_of_text(struct domains *d, const char *text)
{
    json_object *o;
    int rc = json_text_read(text, &o);

    *d = (struct domains){ NULL, 0 };
    if (rc != -ENOMEM)
        rc = json_object_is_type(o, json_type_array) ||
            json_object_is_type(o, json_type_object) ? domains_take(d, o) :
            -EPROTO;
    json_object_put(o);
    if (rc)
        domains_release(d);
    return rc;
}

int domains_ask(struct domains *d, const char *const *argv)
{
    struct buf b = BUF_INIT;
    int rc = ask_xl(argv, &b);

    *d = (struct domains){ NULL, 0 };
    if (!rc) {
        rc = domains_of_text(d, (const char *)b.data);
        if (rc == -EPROTO)
            log_error("'xl %s' printed something else than JSON", argv[1]);
    }
    buf_release(&b);
    return rc;
}

int domains_list(struct domains *d, const char *domain)
{
    const char *const argv[] = { "xl", "list", "-l", "--", domain, NULL };

    return domains_ask(d, argv);
}

int domains_read(struct domains *d, const char *config)
{
    /* As an operand it would be an option if it began with "-", and text of a
     * configuration if it had a "=". */
    const char *const argv[] = { "xl", "create", "-q", "-n", "-f", config,
                                 NULL };

    return domains_ask(d, argv);
}

void domains_release(struct domains *d)
{
    size_t i, j;

    for (i = 0; i < d->n; i++) {
        struct domain *o = &d->list[i];

        for (j = 0; j < o->n_disks; j++) {
            free(o->disks[j].vdev);
            free(o->disks[j].path);
            free(o->disks[j].format);
            free(o->disks[j].script);
        }
        free(o->disks);
        free(o->name);
        free(o->uuid);
    }
    free(d->list);
    *d = (struct domains){ NULL, 0 };
}
