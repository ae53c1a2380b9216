/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl-dedup push IMAGE [HOST:]PATH, and its other end, xl-dedup receive:
 * copies a cold image with the engine that also migrates.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/budget.h"
#include "plugin/base/clock.h"
#include "plugin/base/escape.h"
#include "plugin/base/exit.h"
#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/cmd/commands.h"
#include "plugin/cmd/rsh.h"
#include "plugin/image/blockdev.h"
#include "plugin/proto.h"
#include "plugin/source/sender.h"
#include "plugin/state/configuration.h"
#include "plugin/target/receiver.h"
#include "plugin/wire/peer.h"
#include "plugin/wire/wire_options.h"
#include "plugin/xl/domains.h"

struct push_options {
    const char *image;
    struct rsh_place to;
    const char *rsh;
    const char **command;       /* rsh, split, with room for what it runs */
    struct wire_options wire;
    bool force;
    bool dry;
    const char *free;           /* "skip" or "send" */
};

static const char push_help[] =
"Usage: xl-dedup push [OPTION]... IMAGE [HOST:]PATH\n"
"\n"
"Copies IMAGE, a disk image or block device that nobody writes to, to PATH on\n"
"HOST, sending only what HOST does not hold in its reference images\n"
"(xl-dedup.conf there) or in an earlier copy at PATH. xl-dedup must be\n"
"installed on HOST. The copy is verified before it is put in place.\n"
"An IPv6 address is written [ADDRESS]:PATH, or USER@[ADDRESS]:PATH.\n"
"\n"
"  -e, --rsh=COMMAND   connect with COMMAND instead of ssh; it gets HOST and\n"
"                      the command to run there as arguments. It is split at\n"
"                      spaces; quotes keep those in them, as with rsync\n"
WIRE_OPTIONS_HELP
"  -f, --force         copy although IMAGE is in use here: the result is\n"
"                      what was read, not necessarily of one moment\n"
"      --free=skip|send\n"
"                      what lies in the free space of clean file systems is\n"
"                      not copied (the default), or it is. It always is from\n"
"                      a block device, or if anybody has IMAGE open to write\n"
"  -n, --dry-run       copy nothing: say what HOST holds of IMAGE, what would\n"
"                      be sent, and how long that takes at RATE, or at a rate\n"
"                      that is measured\n"
"  -h, --help          this text\n"
"\n"
"Exit status: 0 copied and verified, or estimated, 2 failed, 64 wrong use.\n";

static int usage_error(const char *message)
{
    log_error("%s; see 'xl-dedup push --help'", message);
    return XD_EXIT_USAGE;
}

/* HOST, and what is run there. */
#define REMOTE_WORDS 3

/* What is left of the command line.  -1: go on; otherwise an exit status. */
static int parse_rest(struct push_options *o, int argc, char **argv)
{
    char why[256];

    if (argc != 2)
        return usage_error("an image and a destination are needed");
    if (strcmp(o->free, "skip") && strcmp(o->free, "send"))
        return usage_error("--free is either skip or send");
    o->image = argv[0];
    if (rsh_place_parse(&o->to, argv[1], why, sizeof(why)) ||
        rsh_split(o->rsh, REMOTE_WORDS, &o->command, why, sizeof(why)))
        return usage_error(why);
    return -1;
}

/* -1: go on; otherwise an exit status. */
static int parse(struct push_options *o, int argc, char **argv)
{
    static const struct option options[] = {
        { "rsh", required_argument, NULL, 'e' },
        WIRE_OPTIONS_TABLE,
        { "force", no_argument, NULL, 'f' },
        { "free", required_argument, NULL, 'F' },
        { "dry-run", no_argument, NULL, 'n' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, "e:fnh", options, NULL)) != -1)
        switch (c) {
        case 'e':
            o->rsh = optarg;
            break;
        case 'f':
            o->force = true;
            break;
        case 'F':
            o->free = optarg;
            break;
        case 'n':
            o->dry = true;
            break;
        case 'h':
            fputs(push_help, stdout);
            return XD_EXIT_OK;
        default:
            if (wire_options_take(&o->wire, c, optarg))
                return XD_EXIT_USAGE;
        }
    return parse_rest(o, argc - optind, argv + optind);
}

/* A running guest's disk changes while it is read. */
static int check_cold(const struct push_options *o)
{
    char device[64];
    struct stat st;

    if (o->force || stat(o->image, &st) || !S_ISREG(st.st_mode) ||
        !loopdev_of(&st, device, sizeof(device)))
        return 0;
    log_error("%s is in use by %s: a running guest's disk is moved by "
              "'xl migrate --dedup'; --force copies it all the same",
              o->image, device);
    return -EBUSY;
}

/* What identifies an image that is pushed again: this host and its path. */
static char *image_identity(const char *path)
{
    char machine[64] = "", *result;
    FILE *f = fopen("/etc/machine-id", "re");

    if (f) {
        if (!fgets(machine, sizeof(machine), f))
            machine[0] = '\0';
        fclose(f);
    }
    machine[strcspn(machine, "\n")] = '\0';
    if (asprintf(&result, "push:%s:%s", machine, path) < 0)
        return NULL;
    return result;
}

static const char this_host[] = "this host";

static int connect_peer(const struct push_options *o, struct peer *p)
{
    static char self[PATH_MAX];
    const char *const local[] = { self, "receive", "--local", NULL };
    const char **command = o->command;
    ssize_t n;

    if (o->to.host) {
        while (*command)
            command++;
        *command++ = o->to.host;
        *command++ = "xl-dedup";
        *command = "receive";
        return peer_start(p, o->to.shown, o->command);
    }
    n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n < 0)
        return -errno;
    self[n] = '\0';
    return peer_start(p, this_host, local);
}

static int transfer(struct sender *s)
{
    int rc;

    sender_enter_ahead(s);
    rc = sender_bulk(s);
    if (!rc)
        rc = sender_settle(s);
    return rc ? rc : sender_place(s);
}

static int estimate(struct sender *s, const struct wire_options *wire)
{
    struct estimate_options opt = {
        .level = wire->level, .rate = wire->bytes_per_second,
    };

    return sender_dry_run(s, &opt);
}

static int send_image(const struct push_options *o, struct sender *s,
                      struct peer *p, struct wire *w, struct inbox *in)
{
    double start = monotonic_seconds();
    int rc = sender_offer(s, w, in);

    if (!rc)
        rc = o->dry ? estimate(s, &o->wire) : transfer(s);
    if (!rc)
        rc = wire_send(w, FRAME_BYE, PROTO_NO_DISK, NULL, 0);
    inbox_explain(in, rc);
    if (!rc && !o->dry) {
        sender_report(s, monotonic_seconds() - start, NULL);
        sender_enter(s);
    }
    if (rc)
        peer_end(p);
    else if (peer_wait(p) != 0)
        log_warn("%s: the other end did not exit cleanly", p->host);
    return rc;
}

/* The image is examined while the other end comes up. */
static int connect_and_send(const struct push_options *o, const char *image,
                            const char *dest, const char *identity,
                            const struct configuration *conf)
{
    struct sender_options opt = {
        .mode = "push", .name = image, .uuid = identity,
        .peer = o->to.host ? o->to.shown : this_host,
        .skip_free = !strcmp(o->free, "skip"),
        .dry = o->dry, .state_dir = conf->state_dir,
        .memory_limit = conf->memory_limit,
    };
    char vdev[PROTO_VDEV_MAX + 1];
    struct peer p = PEER_INIT;
    struct sender *s;
    struct inbox *in;
    struct wire *w;
    int rc;

    rc = sender_new(&s, &opt);
    if (rc)
        return rc;
    /* What names the disk is shown at both hosts. */
    text_escape(image, vdev, sizeof(vdev));
    rc = sender_add_disk(s, vdev, image, dest);
    if (!rc)
        rc = connect_peer(o, &p);
    if (!rc)
        rc = peer_session(&p, &o->wire, -1, &w, &in, NULL, NULL);
    if (!rc)
        rc = send_image(o, s, &p, w, in);
    /* After a failure threads may still use it. */
    if (!rc)
        sender_free(s);
    return rc;
}

/* A path on this host may be relative, as with cp, and go round. */
static char *local_path(const char *path)
{
    char *named = path_dirname(path), *result = NULL;
    char *directory = named ? realpath(named, NULL) : NULL;

    if (directory) {
        if (asprintf(&result, "%s/%s", strcmp(directory, "/") ? directory : "",
                     path_basename(path)) < 0)
            result = NULL;
    } else if (path[0] == '/') {
        result = strdup(path);
    } else {
        /* What is wrong with it the other end will say. */
        directory = getcwd(NULL, 0);
        if (directory && asprintf(&result, "%s/%s", directory, path) < 0)
            result = NULL;
    }
    free(directory);
    free(named);
    return result;
}

static int push(const struct push_options *o)
{
    char *image = realpath(o->image, NULL), *identity = NULL, *dest = NULL;
    struct configuration conf;
    int rc = image ? 0 : -errno;

    if (rc)
        log_errno(rc, "%s", o->image);
    else
        rc = configuration_load(&conf);
    if (rc) {
        free(image);
        return rc;
    }
    rc = check_cold(o);
    if (rc)
        goto out;
    identity = image_identity(image);
    dest = o->to.host ? strdup(o->to.path) : local_path(o->to.path);
    rc = identity && dest ? connect_and_send(o, image, dest, identity,
                                             &conf) : -ENOMEM;
    /* After a failure threads may still use all of it. */
    if (rc)
        return rc;
out:
    configuration_release(&conf);
    free(dest);
    free(identity);
    free(image);
    return rc;
}

int cmd_push(int argc, char **argv)
{
    struct push_options o = { .rsh = "ssh", .free = "skip" };
    int status = parse(&o, argc, argv);

    if (status >= 0)
        return status;
    signal(SIGPIPE, SIG_IGN);
    /* Threads of a session that failed may still use what o holds. */
    return log_exit("push", push(&o));
}

struct receiving {
    struct receiver *receiver;
    const struct configuration *conf;
    struct used_path *used;
    bool local;                 /* the admin of this host has named the path */
    bool limited;               /* to these, by a key of ssh (serve.c): */
    bool push;                  /* pushes, and dry runs of them */
    bool migrate;               /* dry runs of migrations */
};

static int parse_receive(struct receiving *r, char **words)
{
    for (; *words; words++)
        if (!strcmp(*words, "--local")) {
            r->local = true;
        } else if (!strcmp(*words, "push")) {
            r->limited = r->push = true;
        } else if (!strcmp(*words, "migrate")) {
            r->limited = r->migrate = true;
        } else {
            log_error("receive is run by xl-dedup push");
            return -EINVAL;
        }
    return 0;
}

static int check_mode(const struct receiving *r)
{
    bool push = receiver_is_push(r->receiver);

    if (!r->limited || (push ? r->push : r->migrate))
        return 0;
    receiver_fail(r->receiver, "the key that ssh used here may not be used to "
                  "%s", push ? "push" : "migrate");
    return -EPERM;
}

static int add_used(struct receiving *r, const struct domain *d)
{
    size_t i;
    int rc = 0;

    for (i = 0; i < d->n_disks && !rc; i++)
        rc = used_path_add(&r->used, d->disks[i].path, d->name);
    return rc;
}

/* Of a push only where guests' disks lie is wanted, and there need not be any
 * Xen. */
static bool has_xl(void)
{
    return !access("/proc/xen/capabilities", F_OK) || getenv("XL_DEDUP_XL");
}

/* Where no xl takes part nobody else tells what the domains here use. */
static int on_configured(void *opaque)
{
    struct receiving *r = opaque;
    bool push = receiver_is_push(r->receiver);
    struct domains all;
    size_t i;
    int rc = check_mode(r);

    if (rc)
        return rc;
    if (push ? r->conf->n_destinations > 0 ||
               r->conf->confine == CONFINE_NONE || !has_xl() :
               !receiver_is_dry(r->receiver))
        return 0;
    rc = domains_list(&all, NULL);
    if (rc && push)
        return 0;
    if (rc) {
        receiver_fail(r->receiver, "xl cannot list the domains there; does "
                      "Xen run?");
        return rc;
    }
    for (i = 0; i < all.n && !rc; i++)
        rc = add_used(r, &all.list[i]);
    domains_release(&all);
    receiver_set_used(r->receiver, r->used);
    return rc;
}

int cmd_receive(int argc, char **argv)
{
    struct receiving receiving = { .receiver = NULL };
    struct receiver_events events = {
        .configured = on_configured, .opaque = &receiving,
    };
    struct configuration conf;
    struct budget *budget = NULL;
    struct receiver *r = NULL;
    struct inbox *in;
    struct wire *w = NULL;
    int rc;

    (void)argc;
    if (parse_receive(&receiving, argv + 1))
        return XD_EXIT_USAGE;
    signal(SIGPIPE, SIG_IGN);
    rc = configuration_load(&conf);
    if (rc)
        return log_exit("receive", rc);
    if (receiving.local)
        conf.confine = CONFINE_NONE;
    receiving.conf = &conf;
    rc = budget_new(&budget, conf.memory_limit);
    if (!rc)
        rc = peer_accept(&w, conf.timeout_limit);
    if (!rc)
        rc = wire_keep_alive(w);
    if (!rc)
        rc = inbox_start(&in, w, "the sending host", NULL, NULL);
    if (!rc)
        rc = receiver_new(&r, w, in, &conf, budget, &events);
    receiving.receiver = r;
    if (!rc) {
        receiver_confine(r);
        rc = receiver_run(r);
    }
    if (!rc && !receiver_is_dry(r))
        receiver_enter(r);
    receiver_free(r);
    budget_free(budget);
    used_paths_release(receiving.used);
    configuration_release(&conf);
    return log_exit_told("receive", rc);
}
