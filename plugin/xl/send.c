/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl-dedup send-xl: the source's helper of a migration.
 *
 * xl starts it as its migration transport: standard input and output are the
 * two ends that xl believes to lead to the other xl.  It runs the command
 * that leads there (ssh ... xl-dedup receive-xl), carries xl's bytes as
 * frames among its own, and talks to the hook inside xl over the control
 * channel (control.h).
 *
 * Whatever happens here, the guest must survive it:
 *  - until "suspend" has been said, a failure (also our death) makes the hook
 *    tell xl to leave the guest alone;
 *  - after that, a failure closes xl's pipe or answers "fail", and xl resumes
 *    the guest.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/base/exit.h"
#include "plugin/base/fdio.h"
#include "plugin/base/hostname.h"
#include "plugin/base/log.h"
#include "plugin/memory/memory_options.h"
#include "plugin/memory/memory_report.h"
#include "plugin/memory/memsend.h"
#include "plugin/proto.h"
#include "plugin/source/remove_source.h"
#include "plugin/source/sender.h"
#include "plugin/state/configuration.h"
#include "plugin/state/unfinished.h"
#include "plugin/wire/peer.h"
#include "plugin/wire/wire_options.h"
#include "plugin/xl/backend.h"
#include "plugin/xl/control.h"
#include "plugin/xl/guest.h"
#include "plugin/xl/handover.h"
#include "plugin/xl/handshake.h"
#include "plugin/xl/helpers.h"
#include "plugin/xl/hook_channel.h"
#include "plugin/xl/last_words.h"
#include "plugin/xl/pump.h"

/* Between two rounds of the disks while the memory is copied: short, so that
 * little is left after the suspension, and twice as long as a round takes. */
#define ROUND_MS_MIN 250
#define ROUND_MS_MAX 3000

/* What xl has to destroy the guest, and the hotplug scripts that detach its
 * disks after that. */
#define FREE_SECONDS 120

struct migration {
    const char *host;
    const char *const *command; /* leads there */
    struct hook_channel hook;
    struct wire_options options;
    struct memory_options memory_options;
    struct handover_options handover_options;
    struct configuration conf;
    struct peer peer;
    struct wire *wire;
    struct inbox *inbox;
    struct pump *pump;
    struct sender *sender;
    struct memsend *memory;
    struct guest guest;
    struct handover *_Atomic handover;  /* or NULL, as before it is known */
    double start;
    struct blackout blackout;
    atomic_bool done;           /* nothing of the sender changes any more */
    bool accepted;              /* the target takes all disks */
    struct handshake handshake; /* receiving thread only, but for its status */
    atomic_bool moved;          /* xl has been told that the guest runs there */
};

static void commit(void *opaque)
{
    struct migration *m = opaque;

    handover_commit(atomic_load(&m->handover));
}

/* The guest runs at the other side.  Told before xl hears of it, because xl
 * ends without waiting for us. */
static void succeeded(struct migration *m)
{
    struct memory_counts counts;
    uint64_t sent;

    m->blackout.ended = monotonic_seconds();
    /* First: it may change the times of the images that are recorded. */
    sender_keep_stamps(m->sender, commit, m);
    sender_record_left(m->sender, m->conf.state_dir);
    sender_report(m->sender, m->blackout.ended - m->start, &m->blackout);
    if (m->memory_options.coded) {
        memsend_counts(m->memory, &counts, &sent);
        memory_report_print(&counts, sent);
    }
    handover_deliver(atomic_load(&m->handover));
}

/* Bytes from the receiving xl, and answers to the memory (receiving
 * thread). */
static int from_target(void *opaque, struct frame *f)
{
    struct migration *m = opaque;
    int before = m->handshake.status, rc;
    bool ready = m->handshake.ready;
    size_t n;

    if (PROTO_IS_MEMORY(f->type))
        return m->memory ? memsend_answer(m->memory, f) : -EPROTO;
    n = handshake_feed(&m->handshake, f->data, f->length);
    /* Before xl hears of it and permits it. */
    if (!ready && m->handshake.ready)
        handover_expect(atomic_load(&m->handover));
    rc = fd_write_all(STDOUT_FILENO, f->data, n);
    /* It cannot be true before, whoever says it. */
    if (before == HANDSHAKE_PENDING && m->handshake.status == 0 &&
        atomic_load(&m->done))
        succeeded(m);
    if (!rc)
        rc = fd_write_all(STDOUT_FILENO, f->data + n, f->length - n);
    if (!rc && m->handshake.status == 0)
        atomic_store(&m->moved, true);
    return rc;
}

/* Disks */

static int take_begin(struct migration *m, const struct control_msg *msg)
{
    struct sender_options opt = {
        .mode = "migrate", .name = m->guest.name, .uuid = m->guest.uuid,
        .peer = m->host, .live = true, .trace_ring = m->conf.trace_buffer,
        .state_dir = m->conf.state_dir,
        .memory_limit = m->conf.memory_limit,
    };
    int rc = m->sender ? -EPROTO : guest_begin(&m->guest, msg);

    if (!rc)
        rc = sender_new(&m->sender, &opt);
    m->guest.sender = m->sender;
    return rc;
}

/* first: of a guest that is not known yet. */
static int collect_disks(struct migration *m, bool first)
{
    struct backend **list = first ? &m->guest.attached : &m->guest.now;
    struct control_msg msg;
    const char *verb, *busy;
    int rc;

    for (;;) {
        rc = hook_channel_next(&m->hook, &msg, -1);
        if (rc)
            return rc;
        verb = control_verb(&msg);
        if (first && !strcmp(verb, "begin"))
            rc = take_begin(m, &msg);
        else if (first && m->sender && !strcmp(verb, "disk"))
            rc = guest_take_disk(&m->guest, &msg);
        else if (m->sender && !strcmp(verb, "attached"))
            rc = backends_add(list, &msg);
        else if (m->sender && !strcmp(verb, "busy"))
            rc = guest_take_busy(&m->guest, &msg);
        else if (m->sender && !strcmp(verb, "go"))
            break;
        else
            rc = -EPROTO;
        if (rc)
            return rc;
    }
    busy = control_get(&msg, "busy");
    m->guest.remove_source.users_known = busy && !strcmp(busy, "all");
    if (!m->guest.remove_source.users_known && first)
        log_warn("whether another domain of this host has one of the disks, "
                 "too, is not known");
    return 0;
}

/* Before anything is sent: the disks that were opened are the guest's. */
static int take_guest(struct migration *m)
{
    int rc = collect_disks(m, true);

    if (!rc)
        rc = guest_check_configured(&m->guest);
    return rc ? rc : guest_check_images(&m->guest);
}

/* Whether all still is as it was then; asked of the hook. */
static int ask_again(struct migration *m)
{
    int rc = hook_channel_say(&m->hook, "list");

    if (!rc)
        rc = collect_disks(m, false);
    return rc ? rc : guest_check_listed(&m->guest);
}

/* Course */

static int bulk(struct migration *m)
{
    struct frame f;
    int rc;

    hook_channel_watch_end(&m->hook);
    rc = sender_offer(m->sender, m->wire, m->inbox);
    m->accepted = !rc;
    /* Ctrl-C reaches us together with xl: there is nobody left to give up for,
     * but the admin should know that the bytes were not sent in vain. */
    if (m->accepted) {
        last_words_set("interrupted; what has arrived at %s is kept there for "
                       "the next try", m->host);
        last_words_prepare();
    }
    if (!rc)
        rc = sender_bulk(m->sender);
    if (!rc)
        rc = wire_send(m->wire, FRAME_RESTORE, PROTO_NO_DISK, NULL, 0);
    if (!rc)
        rc = inbox_expect(m->inbox, PROTO_NO_DISK, FRAME_RESTORING, &f);
    if (!rc)
        frame_release(&f);
    return rc;
}

/* Sends what the guest has written to its disks; returns how many
 * milliseconds to leave the link to the memory then, or an error. */
static int send_round(struct migration *m)
{
    double start = monotonic_seconds();
    int rc, pause;

    rc = sender_round(m->sender, m->hook.fd);
    if (rc)
        return rc;
    pause = 2000 * (monotonic_seconds() - start);
    return pause < ROUND_MS_MIN ? ROUND_MS_MIN :
        pause > ROUND_MS_MAX ? ROUND_MS_MAX : pause;
}

/* The guest stands still from now on, and does not wait for a target that gets
 * no further, alive as its line may be. */
static void begin_blackout(struct migration *m)
{
    unsigned limit = wire_timeout(m->wire);

    m->blackout.began = monotonic_seconds();
    inbox_limit(m->inbox, limit);
    memsend_limit(m->memory, limit);
}

/* What the hook says before "suspended". */
static int take_event(struct migration *m, const struct control_msg *msg)
{
    int rc;

    if (!strcmp(control_verb(msg), "attached"))
        return backends_add(&m->guest.now, msg);
    if (strcmp(control_verb(msg), "stopped") || m->blackout.began > 0)
        return -EPROTO;
    begin_blackout(m);
    hook_channel_watch_end(&m->hook);
    rc = guest_check_images(&m->guest);
    return rc ? rc : sender_settle_traced(m->sender);
}

/* While xl copies the memory.  Once the guest is seen suspended, disks can be
 * settled beside the end of its memory. */
static int wait_suspended(struct migration *m)
{
    struct control_msg msg;
    const char *result;
    int rc, pause = ROUND_MS_MIN;

    for (;;) {
        rc = hook_channel_next(&m->hook, &msg,
                               m->blackout.began > 0 ? -1 : pause);
        if (rc == -EAGAIN) {
            pause = send_round(m);
            if (pause < 0)
                return pause;
            continue;
        }
        if (rc)
            return rc;
        if (!strcmp(control_verb(&msg), "suspended"))
            break;
        rc = take_event(m, &msg);
        if (rc)
            return rc;
    }
    if (m->blackout.began <= 0)
        begin_blackout(m);
    result = control_get(&msg, "rc");
    /* libxl has said why. */
    return result && !strcmp(result, "0") ? guest_check_listed(&m->guest) :
        -ECANCELED;
}

/* The memory, on the pump's thread. */
static int take_memory(void *opaque, const void *data, size_t length)
{
    struct migration *m = opaque;

    return memsend_bytes(m->memory, data, length);
}

static int memory_pauses(void *opaque)
{
    struct migration *m = opaque;

    return memsend_flush(m->memory);
}

static uint64_t heard_ms(void *opaque)
{
    struct migration *m = opaque;

    return inbox_heard_ms(m->inbox);
}

/* All that xl wrote before its hook spoke is handshake; what it writes from
 * now on is memory. */
static int begin_memory(struct migration *m)
{
    struct pump_sink sink = { take_memory, memory_pauses, m };
    struct memsend_options opt = {
        .coded = m->memory_options.coded,
        .cache_bytes = m->memory_options.cache_bytes,
        .level = m->options.level,
        .peer = m->host,
        .heard_ms = heard_ms,
        .opaque = m,
    };
    int rc;

    randombytes_buf(opt.key, sizeof(opt.key));
    if (opt.coded)
        opt.index = sender_index(m->sender, opt.cache_bytes, opt.key);
    rc = memsend_new(&m->memory, m->wire, &opt);
    if (rc)
        return rc;
    pump_divert(m->pump, FRAME_MEMORY, &sink);
    return pump_switch(m->pump, FRAME_MEMORY, NULL);
}

static int end_memory(struct migration *m)
{
    int rc = pump_switch(m->pump, FRAME_XL, NULL);

    return rc ? rc : memsend_end(m->memory);
}

static int migrate(struct migration *m)
{
    int rc;

    rc = take_guest(m);
    if (rc)
        return rc;
    atomic_store(&m->handover,
                 handover_prepare(&m->handover_options, &m->conf, &m->guest,
                                  m->command));
    rc = begin_memory(m);
    if (!rc)
        rc = bulk(m);
    if (!rc)
        rc = ask_again(m);
    if (rc)
        return rc;
    rc = hook_channel_say(&m->hook, "suspend");
    if (!rc)
        rc = wait_suspended(m);
    if (!rc)
        rc = end_memory(m);
    m->blackout.memory = monotonic_seconds();
    hook_channel_watch_end(&m->hook);
    if (!rc)
        rc = sender_settle(m->sender);
    m->blackout.disks = monotonic_seconds();
    if (!rc)
        rc = sender_place(m->sender);
    m->blackout.placed = monotonic_seconds();
    if (!rc)
        rc = guest_check_images(&m->guest);
    if (rc)
        return rc;
    atomic_store(&m->done, true);
    return hook_channel_say(&m->hook, "done");
}

static void say_kept(const struct migration *m)
{
    log_info("what has arrived at %s is kept there for the next try",
             m->host);
}

/* xl's handshake goes on without us; it is over when xl closes its pipe. */
static int wait_for_xl(struct migration *m)
{
    struct frame f;
    int rc;

    inbox_watch(m->inbox, pump_eof_fd(m->pump), POLLIN);
    do {
        rc = inbox_next(m->inbox, PROTO_NO_DISK, &f);
        if (!rc)
            frame_release(&f);
    } while (!rc);
    if (rc != -ECANCELED) {
        if (m->handshake.status)
            say_kept(m);
        return rc;
    }
    rc = wire_send(m->wire, FRAME_BYE, PROTO_NO_DISK, NULL, 0);
    sender_enter(m->sender);
    peer_wait(&m->peer);
    return rc;
}

/* xl also ends because we have closed its pipe, and its hook may be heard of
 * before what we had closed it for. */
static int why_it_ended(struct migration *m)
{
    int rc = pump_error(m->pump);

    if (rc == -EPIPE || rc == -ETIMEDOUT || rc == -ETIME)
        return rc;
    return inbox_over(m->inbox) ? -EPIPE : -ECANCELED;
}

static void give_up(struct migration *m, int rc)
{
    if (rc == -ECANCELED)
        rc = why_it_ended(m);
    if (rc == -ECANCELED)
        log_error("xl ended the migration");
    if (m->memory)
        memsend_abort(m->memory);
    inbox_explain(m->inbox, rc);
    /* First: the guest is not to wait for a line that takes nothing. */
    hook_channel_say(&m->hook, "fail");
    wire_send(m->wire, FRAME_FAIL, PROTO_NO_DISK, NULL, 0);
    if (m->accepted)
        say_kept(m);
    handover_cancel(atomic_load(&m->handover));
    /* It ends by itself now; so the admin's next try meets nothing of it. */
    peer_end(&m->peer);
}

/* xl has ended, and resumed the guest unless it had permitted its start. */
static void decide(struct migration *m)
{
    struct handover *h = atomic_load(&m->handover);

    if (m->handshake.status != HANDSHAKE_PENDING)
        handover_cancel(h);
    else if (handover_is_unsure(h))
        log_lasting(XTL_WARN, "nothing was heard of %s since it was about to "
                    "start at %s; if it does not run there, 'xl-dedup reclaim "
                    "%s' lets it start here again", m->guest.name, m->host,
                    m->guest.name);
}

/* The guest is gone from here; xl may have ended, and does not wait for us. */
static int dispose_of_source(struct migration *m)
{
    struct removal *l;

    last_words_set("interrupted; not all of the guest's images here were "
                   "removed");
    /* The admin may log out. */
    signal(SIGHUP, SIG_IGN);
    for (l = m->guest.remove_source.first; l; l = l->next) {
        l->sent = !sender_mark(m->sender, l->vdev, &l->stamp);
        l->apart = sender_apart(m->sender, l->vdev);
    }
    sender_free(m->sender);
    m->sender = NULL;
    log_info("the guest's images here are %s as soon as nobody uses them",
             m->guest.remove_source.wipe ? "wiped" : "removed");
    return remove_source_run(&m->guest.remove_source, FREE_SECONDS,
                             m->conf.state_dir, m->guest.uuid);
}

/* This host's; the target tells of its own in HELLO. */
static void remind(const struct migration *m)
{
    struct unfinished a;

    unfinished_count(m->conf.state_dir, m->conf.remind_days, NULL, &a);
    unfinished_remind("this host", &a, m->conf.remind_days);
}

static int run(struct migration *m)
{
    int rc;

    rc = configuration_load(&m->conf);
    if (rc)
        return rc;
    remind(m);
    rc = peer_start(&m->peer, m->host, m->command);
    if (!rc)
        rc = peer_session(&m->peer, &m->options, m->hook.fd, &m->wire,
                          &m->inbox, from_target, m);
    m->hook.inbox = m->inbox;
    if (!rc)
        rc = pump_start(&m->pump, STDIN_FILENO, m->wire, FRAME_XL, false);
    if (rc) {
        peer_end(&m->peer);
        return rc;
    }
    rc = migrate(m);
    if (rc)
        give_up(m, rc);
    else
        rc = wait_for_xl(m);
    decide(m);
    if (atomic_load(&m->moved) && m->guest.remove_source.first)
        rc = dispose_of_source(m);
    return rc;
}

static const char help[] =
"Usage: xl-dedup send-xl --control-fd=N [OPTION]... -- COMMAND...\n"
"\n"
"Run by 'xl migrate --dedup' as its transport; not meant to be typed.\n"
"\n"
"      --host=NAME     the other host, for messages\n"
"      --remove-source remove the guest's image files here when it has moved\n"
"      --wipe-source   overwrite them with zeros first, and block devices\n"
"      --keep-config   the guest's configuration stays as it is here\n"
"      --config=FILE   it has this configuration there\n"
MEMORY_OPTIONS_HELP
WIRE_OPTIONS_HELP;

/* -1: go on; otherwise an exit status. */
static int parse(struct migration *m, int argc, char **argv)
{
    static const struct option options[] = {
        { "control-fd", required_argument, NULL, 'c' },
        { "host", required_argument, NULL, 'H' },
        REMOVE_SOURCE_OPTIONS_TABLE,
        HANDOVER_OPTIONS_TABLE,
        MEMORY_OPTIONS_TABLE,
        WIRE_OPTIONS_TABLE,
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, "+h", options, NULL)) != -1)
        switch (c) {
        case 'c':
            m->hook.fd = atoi(optarg);
            break;
        case 'H':
            if (!hostname_is_one(optarg)) {
                log_error("this is no host: %s", optarg);
                return XD_EXIT_USAGE;
            }
            m->host = optarg;
            break;
        case 'h':
            fputs(help, stdout);
            return XD_EXIT_OK;
        default:
            if (remove_source_option(&m->guest.remove_source, c) &&
                handover_option(&m->handover_options, c, optarg) &&
                memory_options_take(&m->memory_options, c, optarg) &&
                wire_options_take(&m->options, c, optarg))
                return XD_EXIT_USAGE;
        }
    return -1;
}

int cmd_send_xl(int argc, char **argv)
{
    static struct migration m = {
        .host = "the other host",
        .hook = HOOK_CHANNEL_INIT,
        .peer = PEER_INIT,
        .handshake = HANDSHAKE_INIT,
        .memory_options = MEMORY_OPTIONS_INIT,
    };
    int status = parse(&m, argc, argv);

    if (status >= 0)
        return status;
    if (m.hook.fd < 3 || optind >= argc) {
        log_error("send-xl is run by 'xl migrate --dedup'");
        return XD_EXIT_USAGE;
    }
    signal(SIGPIPE, SIG_IGN);
    fcntl(m.hook.fd, F_SETFD, FD_CLOEXEC);
    m.command = (const char *const *)(argv + optind);
    m.guest.host = m.host;
    m.guest.memory_only = m.memory_options.only;
    m.start = monotonic_seconds();
    /* Threads may still use what m holds: the process ends with it. */
    return log_exit("send-xl", run(&m));
}
