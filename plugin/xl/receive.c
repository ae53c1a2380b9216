/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl-dedup receive-xl: the target's helper of a migration.
 *
 * ssh starts it; standard input and output are the wire.  It runs the
 * distribution's "xl migrate-receive" with libxlhooks preloaded, gives it the
 * bytes that the other xl sent, and answers its hook over the control channel
 * (control.h).  It stays between the two until xl has ended, so that a
 * connection that breaks leaves an xl that can still clean up.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin/base/budget.h"
#include "plugin/base/exit.h"
#include "plugin/base/log.h"
#include "plugin/memory/memreceive.h"
#include "plugin/proto.h"
#include "plugin/state/configuration.h"
#include "plugin/target/receiver.h"
#include "plugin/wire/peer.h"
#include "plugin/xl/cleanup.h"
#include "plugin/xl/control.h"
#include "plugin/xl/helpers.h"
#include "plugin/xl/pump.h"
#include "plugin/xl/tail.h"

/* xl destroys a half-built domain before it exits. */
#define XL_EXIT_SECONDS 60

/* Between looks at the source while one of its frames waits. */
#define LOOK_MS 200

struct migration {
    struct configuration conf;
    struct budget *budget;
    struct wire *wire;
    struct inbox *inbox;
    struct pump *pump;
    struct receiver *receiver;
    struct tail tail;
    struct memreceive *memory;
    struct cleanup cleanup;
    struct used_path *used;
    int control_fd;
    pid_t xl;
    bool configured;            /* the hook has named all disks */
    bool restored;              /* libxl has rebuilt the guest */
    atomic_bool restoring;      /* the disks are there, and stay */
    bool memory_ended;          /* of which the following is known */
    uint64_t memory_bytes;
    uint8_t memory_digest[HASH_BYTES];
};

/* Bytes from the sending xl (receiving thread). */
static int from_source(void *opaque, struct frame *f)
{
    struct migration *m = opaque;

    if (PROTO_IS_MEMORY(f->type))
        return atomic_load(&m->restoring) ? memreceive_frame(m->memory, f) :
            -EPROTO;
    return tail_pass(&m->tail, f->data, f->length);
}

/* The memory's decoder (its thread) */

static int write_memory(void *opaque, const void *data, size_t length)
{
    struct migration *m = opaque;

    return tail_memory(&m->tail, data, length);
}

static int read_disk(void *opaque, uint64_t disk, uint64_t offset, void *data,
                     size_t length)
{
    struct migration *m = opaque;

    return receiver_read(m->receiver, disk, offset, data, length);
}

static void memory_failed(void *opaque, int rc)
{
    struct migration *m = opaque;
    char why[512];

    if (rc == -ENOBUFS && budget_explain(m->budget, why, sizeof(why)))
        receiver_fail(m->receiver, "%s", why);
    else if (rc == -EPIPE)
        receiver_fail(m->receiver, "xl has stopped reading the guest's "
                      "memory; see its messages above");
    else
        receiver_fail(m->receiver, "the guest's memory cannot be decoded: "
                      "%s", strerror(-rc));
}

/* What the hook says */

static int take_busy(struct migration *m, const struct control_msg *msg)
{
    int rc = used_path_add(&m->used, control_get(msg, "path"),
                           control_get(msg, "name"));

    receiver_set_used(m->receiver, m->used);
    return rc;
}

static int take_disk(struct migration *m, const struct control_msg *msg)
{
    const char *vdev = control_get(msg, "vdev");
    const char *path = control_get(msg, "path");

    if (!vdev || !path)
        return -EPROTO;
    return receiver_set_path(m->receiver, vdev, path);
}

static int take_restored(struct migration *m, const struct control_msg *msg)
{
    const char *rc = control_get(msg, "rc");

    m->restored = true;
    inbox_watch(m->inbox, -1, 0);
    if (rc && !strcmp(rc, "0"))
        return 0;
    receiver_fail(m->receiver, "xl could not restore the guest; see its "
                  "messages above");
    return -ECONNABORTED;
}

/* One message of the hook. */
static int listen_hook(void *opaque)
{
    struct migration *m = opaque;
    struct control_msg msg;
    const char *verb;
    int rc;

    rc = control_recv(m->control_fd, &msg);
    if (rc) {
        receiver_fail(m->receiver, "xl ended before it had restored the "
                      "guest; see its messages above");
        return -ECONNABORTED;
    }
    verb = control_verb(&msg);
    if (!strcmp(verb, "begin"))
        return 0;
    if (!strcmp(verb, "disk"))
        return take_disk(m, &msg);
    if (!strcmp(verb, "busy"))
        return take_busy(m, &msg);
    if (!strcmp(verb, "restored"))
        return take_restored(m, &msg);
    if (strcmp(verb, "go"))
        return -EPROTO;
    m->configured = true;
    return 0;
}

/* Events of the receiver */

static int on_configured(void *opaque)
{
    struct migration *m = opaque;
    struct pollfd fds[2] = {
        { .fd = m->control_fd, .events = POLLIN },
        { .fd = inbox_fd(m->inbox), .events = POLLIN },
    };
    bool frame = false;
    int rc = 0;

    /* Its source starts no xl, and ours would wait for it. */
    if (receiver_is_dry(m->receiver)) {
        receiver_fail(m->receiver, "for a dry run the command must end up "
                      "running 'xl-dedup receive', not 'xl-dedup "
                      "receive-xl'");
        return -ENOTSUP;
    }
    while (!rc && !m->configured) {
        if (poll(fds, frame ? 1 : 2, frame ? LOOK_MS : -1) < 0)
            continue;
        if (fds[0].revents)
            rc = listen_hook(m);
        else if (inbox_over(m->inbox))
            rc = -EPIPE;
        else
            /* Of a guest without disks the source goes on at once. */
            frame = true;
    }
    return rc;
}

static void on_placeholder(void *opaque, const char *path,
                           const struct stat *made)
{
    struct migration *m = opaque;

    cleanup_watch(&m->cleanup, path, made);
}

static int on_restore(void *opaque)
{
    struct migration *m = opaque;

    atomic_store(&m->restoring, true);
    return control_send(m->control_fd, "restore", NULL);
}

/* Only noted: disks need not wait until the last of it is decoded. */
static int on_memory_end(void *opaque, uint64_t bytes,
                         const uint8_t digest[HASH_BYTES])
{
    struct migration *m = opaque;

    if (m->memory_ended)
        return -EPROTO;
    m->memory_ended = true;
    m->memory_bytes = bytes;
    memcpy(m->memory_digest, digest, HASH_BYTES);
    return 0;
}

static int on_final(void *opaque)
{
    struct migration *m = opaque;
    int rc;

    if (!m->memory_ended)
        return -EPROTO;
    rc = memreceive_finish(m->memory, m->memory_bytes, m->memory_digest);
    if (rc == -EBADMSG)
        receiver_fail(m->receiver, "the guest's memory did not arrive as it "
                      "was sent");
    return rc ? rc : tail_release(&m->tail);
}

/* xl */

static void run_xl(int in_fd, int out_fd, int control_fd, char **arguments)
{
    const char *hooks = getenv("XL_DEDUP_HOOKS");
    const char *xl = getenv("XL_DEDUP_XL");
    char number[16];

    signal(SIGPIPE, SIG_DFL);
    if (!hooks)
        hooks = PKGLIBDIR "/libxlhooks.so";
    if (!xl)
        xl = REAL_XL;
    snprintf(number, sizeof(number), "%d", control_fd);
    arguments[0] = (char *)"xl";
    if (access(hooks, R_OK))
        log_errno(-errno, "%s", hooks);
    else if (dup2(in_fd, STDIN_FILENO) >= 0 &&
             dup2(out_fd, STDOUT_FILENO) >= 0 &&
             !fcntl(control_fd, F_SETFD, 0) &&
             !setenv("LD_PRELOAD", hooks, 1) &&
             !setenv(CONTROL_FD_ENV, number, 1)) {
        execv(xl, arguments);
        log_errno(-errno, "%s cannot be run", xl);
    }
    _exit(127);
}

/* arguments: of xl, with room for its name in [0]. */
static int start_xl(struct migration *m, char **arguments, int *out_r)
{
    int to[2], from[2], control[2];

    if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control))
        return -errno;
    m->xl = fork();
    if (m->xl < 0)
        return -errno;
    if (m->xl == 0)
        run_xl(to[0], from[1], control[1], arguments);
    close(to[0]);
    close(from[1]);
    close(control[1]);
    tail_init(&m->tail, to[1]);
    m->control_fd = control[0];
    *out_r = from[0];
    return cleanup_start(&m->cleanup, from[0]);
}

static void wait_xl(struct migration *m)
{
    int i;

    for (i = 0; i < XL_EXIT_SECONDS * 10; i++) {
        if (waitpid(m->xl, NULL, WNOHANG) == m->xl)
            return;
        usleep(100000);
    }
    log_warn("xl migrate-receive (process %ld) has not ended after %d "
             "seconds and is left alone", (long)m->xl, XL_EXIT_SECONDS);
}

/* The session */

static int start_memory(struct migration *m)
{
    struct memreceive_options options = {
        .write = write_memory,
        .read = read_disk,
        .failed = memory_failed,
        .opaque = m,
        .budget = m->budget,
    };

    return memreceive_new(&m->memory, m->wire, &options);
}

static int receive(struct migration *m)
{
    struct receiver_events events = {
        .configured = on_configured,
        .placeholder = on_placeholder,
        .restore = on_restore,
        .memory_end = on_memory_end,
        .final = on_final,
        .watched = listen_hook,
        .opaque = m,
    };
    int rc = receiver_new(&m->receiver, m->wire, m->inbox, &m->conf, m->budget,
                          &events);

    if (rc)
        return rc;
    receiver_confine(m->receiver);
    inbox_watch(m->inbox, m->control_fd, POLLIN);
    return receiver_run(m->receiver);
}

/* xl has ended, or is to. */
static void finish(struct migration *m, int rc)
{
    if (rc)
        control_send(m->control_fd, "fail", NULL);
    close(m->control_fd);
    /* Else the decoder cannot be stopped, and uses all of this: it goes with
     * the process, after which there is still the one that cleans up. */
    if (m->memory && !memreceive_stop(m->memory))
        return;
    tail_close(&m->tail);
    if (!rc)
        receiver_enter(m->receiver);
    /* First: what is not finished goes away, or stays for the next try, before
     * the source can come again. */
    receiver_free(m->receiver);
    budget_free(m->budget);
    wait_xl(m);
    cleanup_dismiss(&m->cleanup);
}

static int run(struct migration *m, char **arguments)
{
    int xl_out = -1, rc;

    rc = configuration_load(&m->conf);
    if (!rc)
        rc = budget_new(&m->budget, m->conf.memory_limit);
    if (!rc)
        rc = peer_accept(&m->wire, m->conf.timeout_limit);
    if (!rc)
        rc = start_xl(m, arguments, &xl_out);
    if (rc)
        return rc;
    rc = wire_keep_alive(m->wire);
    if (!rc)
        rc = start_memory(m);
    if (!rc)
        rc = inbox_start(&m->inbox, m->wire, "the sending host", from_source,
                         m);
    if (!rc)
        rc = pump_start(&m->pump, xl_out, m->wire, FRAME_XL, true);
    if (!rc)
        rc = receive(m);
    finish(m, rc);
    return rc;
}

int cmd_receive_xl(int argc, char **argv)
{
    static struct migration m = { .control_fd = -1, .cleanup = CLEANUP_INIT };

    if (argc < 3 || strcmp(argv[1], "--")) {
        log_error("receive-xl is run by 'xl migrate --dedup' of the other "
                  "host");
        return XD_EXIT_USAGE;
    }
    signal(SIGPIPE, SIG_IGN);
    return log_exit_told("receive-xl", run(&m, argv + 1));
}
